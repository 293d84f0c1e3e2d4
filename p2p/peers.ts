import type { Connection } from '@libp2p/interface'
import type { Clock, Logger, Random } from '../primitives/ports.ts'
import { chooseConnection } from './choose-connection.ts'
import { Dialer } from './dialer.ts'
import type { PeerFault } from './errors.ts'
import { closeReason } from './errors.ts'
import type { Host } from './host.ts'
import type { P2pMetrics } from './metrics.ts'
import type { P2pOptions } from './options.ts'
import type { Peer, Roster, RosterChange } from './roster.ts'
import type { PeerScores } from './scores.ts'

export interface PeersCollaborators {
  readonly host: Host
  readonly roster: Roster
  readonly scores: PeerScores
  readonly metrics: P2pMetrics
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** Called with each new live connection of a node, and with undefined when it has none any more. */
export type ConnectionListener = (node: number, connection: Connection | undefined) => void

/** What is known of one node, for the operator. */
export interface PeerStatus {
  readonly node: number
  readonly member: number
  readonly peerId: string
  readonly connected: boolean
  /** Who dialled: this node (`outbound`) or the other. */
  readonly direction: 'inbound' | 'outbound' | undefined
  /** How long the connection has lasted. */
  readonly connectedMs: number | undefined
  /** Round trip of the last probe, in whole ms; undefined until the first. */
  readonly roundTripMs: number | undefined
  /** Points of its faults, and how much longer it is cut off because of them. */
  readonly faultPoints: number
  readonly banLeftMs: number
}

/** Keeps exactly one connection to every node of the roster, in whichever direction it came about, and carries out what the scores decide. */
export class Peers {
  readonly #options: P2pOptions
  readonly #with: PeersCollaborators
  readonly #live = new Map<number, { connection: Connection; sinceMs: number }>()
  readonly #dialers = new Map<number, Dialer>()
  readonly #listeners = new Set<ConnectionListener>()
  readonly #stopped: (() => void)[] = []
  #running = false

  constructor(options: P2pOptions, collaborators: PeersCollaborators) {
    this.#options = options
    this.#with = collaborators
  }

  /** Starts dialling; does not wait for anybody. The host must be started. */
  start(): void {
    if (this.#running) return
    this.#running = true
    const { libp2p } = this.#with.host
    const onOpen = ({ detail }: CustomEvent<Connection>): void => this.#opened(detail)
    const onClose = ({ detail }: CustomEvent<Connection>): void => this.#closed(detail)
    libp2p.addEventListener('connection:open', onOpen)
    libp2p.addEventListener('connection:close', onClose)
    this.#stopped.push(() => {
      libp2p.removeEventListener('connection:open', onOpen)
      libp2p.removeEventListener('connection:close', onClose)
    }, this.#with.roster.onChange((change) => this.#rosterChanged(change)))
    this.#with.metrics.connected.set(0)
    for (const peer of this.#with.roster.peers()) this.#dial(peer)
    for (const connection of libp2p.getConnections()) this.#opened(connection)
  }

  /** Stops dialling and listening. Connections are closed by the host's stop. */
  stop(): void {
    this.#running = false
    for (const stop of this.#stopped.splice(0)) stop()
    for (const dialer of this.#dialers.values()) dialer.stop()
    this.#dialers.clear()
    for (const node of [...this.#live.keys()]) this.#lost(node)
  }

  /** The live connection of a node. */
  connection(node: number): Connection | undefined { return this.#live.get(node)?.connection }
  isConnected(node: number): boolean { return this.#live.has(node) }
  connectedNodes(): number[] { return [...this.#live.keys()].sort((a, b) => a - b) }

  /** All other nodes of the roster, ascending. */
  status(): PeerStatus[] {
    const { roster, scores, clock } = this.#with
    const now = clock.monotonicMs()
    return roster.peers().map(({ node, member, peerId }) => {
      const live = this.#live.get(node)
      return {
        node, member, peerId, connected: live !== undefined, direction: live?.connection.direction,
        connectedMs: live === undefined ? undefined : Math.round(now - live.sinceMs), roundTripMs: live?.connection.rtt,
        faultPoints: Math.round(scores.points(node)), banLeftMs: Math.ceil(scores.banLeftMs(node)),
      }
    })
  }

  /** The roster's node behind a connection; undefined for strangers, who are already being hung up on. */
  nodeOf(connection: Connection): number | undefined {
    return this.#with.roster.byPeerId(connection.remotePeer.toString())?.node
  }

  /** Tells `listener` of every connection that comes or goes, beginning with those that are there. Returns how to stop that. */
  onConnection(listener: ConnectionListener): () => void {
    this.#listeners.add(listener)
    for (const [node, { connection }] of this.#live) listener(node, connection)
    return () => { this.#listeners.delete(listener) }
  }

  /** Counts a fault of a node; hangs up and bans it when that was one too many. */
  report(node: number, fault: PeerFault): void {
    const { metrics, scores, logger } = this.#with
    metrics.faults.inc({ code: fault.code })
    logger.debug({ node, code: fault.code, action: fault.action, details: fault.details }, 'a peer did wrong')
    if (!scores.add(node, fault.action)) return
    metrics.bans.inc()
    logger.warn({ node, code: fault.code, banMs: this.#options.banMs }, 'a peer was cut off because of its faults')
    this.disconnect(node, 'banned')
  }

  /** Hangs up on a node now. It is dialled again after a wait. */
  disconnect(node: number, reason: string): void {
    const peer = this.#with.roster.byNode(node)
    const connections = peer === undefined ? [] : this.#with.host.libp2p.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer.peerId)
    const live = this.#live.get(node)?.connection
    for (const connection of new Set(live === undefined ? connections : [live, ...connections])) connection.abort(closeReason(reason))
  }

  #dial(peer: Peer): void {
    const { host, roster, scores, metrics, logger, random } = this.#with
    const dialer = new Dialer({ ...this.#options, firstDelayMs: peer.node < roster.self ? this.#options.higherIdDelayMs : 0 }, peer, {
      libp2p: host.libp2p, metrics, logger, random,
      wanted: () => this.#running && !this.#live.has(peer.node),
      banLeftMs: () => scores.banLeftMs(peer.node),
    })
    this.#dialers.set(peer.node, dialer)
    dialer.retry('first')
  }

  #opened(connection: Connection): void {
    const node = this.nodeOf(connection)
    if (node === undefined || this.#with.scores.banLeftMs(node) > 0 || connection.status !== 'open') {
      // The roster or a ban changed under the handshake, after the gate had looked.
      connection.abort(closeReason('not admitted'))
      return
    }
    const sinceMs = this.#with.clock.monotonicMs()
    const before = this.#live.get(node)
    if (before !== undefined) {
      if (before.connection === connection) return
      const keep = chooseConnection({ self: this.#with.roster.self, node, before: before.connection, after: connection, gapMs: sinceMs - before.sinceMs })
      this.#with.logger.debug({ node, kept: keep.direction }, 'two connections to one node, one closed')
      if (keep === before.connection) {
        connection.abort(closeReason('duplicate connection'))
        return
      }
    }
    this.#live.set(node, { connection, sinceMs })
    before?.connection.abort(closeReason('duplicate connection'))
    this.#dialers.get(node)?.connected()
    this.#with.logger.info({ node, direction: connection.direction }, 'connected to a node')
    this.#with.metrics.connected.set(this.#live.size)
    for (const listener of this.#listeners) listener(node, connection)
  }

  #closed(connection: Connection): void {
    for (const [node, live] of this.#live) {
      if (live.connection === connection) {
        const livedMs = this.#with.clock.monotonicMs() - live.sinceMs
        this.#lost(node)
        this.#dialers.get(node)?.retry(livedMs >= this.#options.stableMs ? 'first' : 'again')
        return
      }
    }
  }

  #lost(node: number): void {
    if (!this.#live.delete(node)) return
    if (this.#running) this.#with.logger.info({ node }, 'lost the connection to a node')
    this.#with.metrics.connected.set(this.#live.size)
    for (const listener of this.#listeners) listener(node, undefined)
  }

  #rosterChanged({ added, removed, moved }: RosterChange): void {
    for (const { node } of [...removed, ...moved]) {
      this.#dialers.get(node)?.stop()
      this.#dialers.delete(node)
    }
    for (const { node } of removed) {
      this.#with.scores.forget(node)
      const connection = this.#live.get(node)?.connection
      this.#lost(node)
      connection?.abort(closeReason('removed from the roster'))
    }
    for (const peer of [...added, ...moved]) this.#dial(peer)
  }
}
