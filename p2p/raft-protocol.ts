import type { Connection, Stream } from '@libp2p/interface'
import type { Transport } from '../consensus/ports.ts'
import type { Logger } from '../primitives/ports.ts'
import { PeerFault, closeReason } from './errors.ts'
import { frameBytes } from './frame-writer.ts'
import { readFrames } from './frame-reader.ts'
import { checkHello, encodeHello } from './hello.ts'
import type { Host } from './host.ts'
import type { P2pMetrics } from './metrics.ts'
import type { RaftChannelOptions } from './options.ts'
import type { Peers } from './peers.ts'
import { RaftChannel } from './raft-channel.ts'

/** `control`: heartbeats, votes and every answer; `append`: blocks. Apart, so that a block in transit does not hold up a heartbeat. */
export type RaftChannelName = 'control' | 'append'
const CHANNELS: readonly RaftChannelName[] = ['control', 'append']
const PROTOCOLS: Readonly<Record<RaftChannelName, string>> = { control: '/stele/raft-control/1', append: '/stele/raft-append/1' }

export type RaftMessageHandler = (from: number, channel: RaftChannelName, frame: Uint8Array) => void
export type PeerChangeHandler = (node: number, connected: boolean) => void
export type UnreachableHandler = (node: number) => void

export interface RaftProtocolCollaborators {
  readonly host: Host
  readonly peers: Peers
  readonly metrics: P2pMetrics
  readonly logger: Logger
}

/**
 * Carries Raft's messages over libp2p. Who sent a message is decided by the key of its connection. Delivery is at most once and in order
 * per node and channel; messages may be lost, and then Raft sends them again.
 */
export class RaftProtocol implements Omit<Transport, 'blame'> {
  readonly #options: RaftChannelOptions
  readonly #chain: Uint8Array
  readonly #self: number
  readonly #with: RaftProtocolCollaborators
  readonly #channels = new Map<number, Record<RaftChannelName, RaftChannel>>()
  readonly #inbound = new Map<string, Stream>()
  readonly #reachable = new Set<number>()
  readonly #unreachable = new Set<number>()
  /** Nodes whose append stream broke: Raft learns it from the next append's being refused. */
  readonly #lostAppends = new Set<number>()
  #messageHandler: RaftMessageHandler | undefined
  #changeHandlers: readonly PeerChangeHandler[] = []
  #unreachableHandler: UnreachableHandler | undefined
  #stopListening: (() => void) | undefined

  constructor(options: { readonly raft: RaftChannelOptions; readonly chain: Uint8Array; readonly self: number }, collaborators: RaftProtocolCollaborators) {
    this.#options = options.raft
    this.#chain = options.chain
    this.#self = options.self
    this.#with = collaborators
  }

  /** Opens streams to every node that is or gets connected, and accepts theirs. Set the handlers before. */
  async start(): Promise<void> {
    if (this.#stopListening !== undefined) return
    this.#stopListening = this.#with.peers.onConnection((node, connection) => this.#connectionChanged(node, connection))
    for (const channel of CHANNELS) {
      await this.#with.host.libp2p.handle(PROTOCOLS[channel], (stream, connection) => this.#accept(channel, stream, connection), { maxInboundStreams: 4, maxOutboundStreams: 4 })
    }
  }

  async stop(): Promise<void> {
    if (this.#stopListening === undefined) return
    this.#stopListening()
    this.#stopListening = undefined
    await this.#with.host.libp2p.unhandle(CHANNELS.map((channel) => PROTOCOLS[channel]))
    for (const channels of this.#channels.values()) for (const channel of CHANNELS) channels[channel].use(undefined)
    this.#channels.clear()
    for (const stream of this.#inbound.values()) stream.abort(closeReason('stopping'))
    this.#inbound.clear()
  }

  /**
   * Queues `frame` for `node` and returns at once. False: not taken, because there is no connection (also told to `onUnreachable`), the frame
   * is larger than its channel allows, the append queue is full, or earlier appends were lost with their stream: to send later ones as if
   * nothing was missing would only be refused by the other side. A full control queue drops its oldest frames instead.
   * The bytes are kept by reference until they have left: do not change them. The same bytes may be sent to many nodes.
   */
  send(node: number, channel: RaftChannelName, frame: Uint8Array): boolean {
    const { metrics } = this.#with
    if (frame.length > this.#frameBytesMax(channel)) return this.#drop(channel, 'too-large')
    const out = this.#channels.get(node)?.[channel]
    if (out === undefined || !out.connected) {
      this.#reportUnreachable(node)
      return this.#drop(channel, 'unreachable')
    }
    if (channel === 'append' && this.#lostAppends.delete(node)) return this.#drop(channel, 'broken')
    if (!out.send(frame)) return this.#drop(channel, 'full')
    metrics.framesSent.inc({ channel })
    metrics.bytesSent.inc({ channel }, frameBytes(frame))
    return true
  }

  /** Sets who receives messages. The frame is the receiver's to keep. */
  onMessage(handler: RaftMessageHandler): void { this.#messageHandler = handler }

  /** Tells when a node can be talked to (its control stream is open) and when it cannot any more (its connection is gone). */
  onPeerChange(handler: PeerChangeHandler): void { this.#changeHandlers = [...this.#changeHandlers, handler] }

  /** Tells, after the current call stack and once per burst, that messages to a node were dropped for lack of a connection. */
  onUnreachable(handler: UnreachableHandler): void { this.#unreachableHandler = handler }

  /** Nodes that can be talked to now, ascending. */
  reachable(): number[] { return [...this.#reachable].sort((a, b) => a - b) }

  /** Bytes that wait for a node on a channel. */
  queuedBytes(node: number, channel: RaftChannelName): number { return this.#channels.get(node)?.[channel].queuedBytes ?? 0 }

  /** Counts a fault that the receiver of messages found, such as a message that cannot be decoded. */
  report(node: number, fault: PeerFault): void { this.#with.peers.report(node, fault) }

  #frameBytesMax(channel: RaftChannelName): number {
    return channel === 'control' ? this.#options.controlFrameBytesMax : this.#options.appendFrameBytesMax
  }

  #drop(channel: RaftChannelName, reason: 'too-large' | 'unreachable' | 'full' | 'broken'): false {
    this.#with.metrics.framesDropped.inc({ channel, reason })
    return false
  }

  #reportUnreachable(node: number): void {
    if (this.#unreachable.has(node)) return
    this.#unreachable.add(node)
    // Later, because the caller is in the middle of a step of Raft and must not be called back inside it.
    queueMicrotask(() => {
      this.#unreachable.delete(node)
      this.#unreachableHandler?.(node)
    })
  }

  #appendsLost(node: number): void {
    this.#lostAppends.add(node)
    this.#reportUnreachable(node)
  }

  #connectionChanged(node: number, connection: Connection | undefined): void {
    let channels = this.#channels.get(node)
    if (channels === undefined) {
      if (connection === undefined) return
      channels = { control: this.#channelTo(node, 'control'), append: this.#channelTo(node, 'append') }
      this.#channels.set(node, channels)
    }
    if (connection === undefined) this.#lostAppends.delete(node)
    else if (channels.append.connected) this.#appendsLost(node) // One connection took the other's place, and nobody is told of a change.
    for (const name of CHANNELS) channels[name].use(connection)
    if (connection === undefined) {
      this.#channels.delete(node)
      if (this.#reachable.delete(node)) this.#tell(node, false)
    }
  }

  #channelTo(node: number, channel: RaftChannelName): RaftChannel {
    const options = this.#options
    const bounds = channel === 'control'
      ? { messagesMax: options.controlQueueMessagesMax, bytesMax: options.controlQueueBytesMax, whenFull: 'drop-oldest' as const }
      : { messagesMax: options.appendQueueMessagesMax, bytesMax: options.appendQueueBytesMax, whenFull: 'refuse' as const }
    return new RaftChannel(PROTOCOLS[channel], bounds, {
      logger: this.#with.logger,
      hello: encodeHello(this.#chain, this.#self, node),
      onOpen: () => {
        if (channel !== 'control' || this.#reachable.has(node)) return
        this.#reachable.add(node)
        this.#tell(node, true)
      },
      onBroken: () => { if (channel === 'append') this.#appendsLost(node) },
      onDropped: (count) => this.#with.metrics.framesDropped.inc({ channel, reason: 'broken' }, count),
    })
  }

  #tell(node: number, connected: boolean): void {
    for (const handler of this.#changeHandlers) handler(node, connected)
  }

  #accept(channel: RaftChannelName, stream: Stream, connection: Connection): void {
    const from = this.#with.peers.nodeOf(connection)
    if (from === undefined) {
      stream.abort(closeReason('not on the roster'))
      return
    }
    const key = `${from} ${channel}`
    this.#inbound.get(key)?.abort(closeReason('replaced by a newer stream'))
    this.#inbound.set(key, stream)
    let greeted = false
    readFrames(stream, this.#frameBytesMax(channel), {
      onFrame: (payload) => {
        if (greeted) this.#deliver(from, channel, payload)
        else checkHello(payload, this.#chain, from, this.#self)
        greeted = true
      },
      onEnd: (error) => {
        if (this.#inbound.get(key) === stream) this.#inbound.delete(key)
        if (error instanceof PeerFault) this.#with.peers.report(from, error)
      },
    })
  }

  #deliver(from: number, channel: RaftChannelName, payload: Uint8Array): void {
    const { metrics, logger } = this.#with
    metrics.framesReceived.inc({ channel })
    metrics.bytesReceived.inc({ channel }, frameBytes(payload))
    try {
      this.#messageHandler?.(from, channel, payload)
    } catch (error) {
      if (error instanceof PeerFault) throw error
      // A bug of this node, not of the peer: said loudly, and the next message is another chance.
      metrics.handlerFailures.inc({ channel })
      logger.error({ err: error, from, channel }, 'a handler of raft messages failed')
    }
  }
}
