import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { Clock, Logger } from '../primitives/ports.ts'
import { PeerFault, p2pError } from './errors.ts'
import type { Host } from './host.ts'
import type { P2pMetrics } from './metrics.ts'
import type { GossipOptions } from './options.ts'
import type { Peers } from './peers.ts'
import type { Roster } from './roster.ts'
import { GOSSIP_KINDS, topicOf } from './topics.ts'
import type { GossipKind } from './topics.ts'

/** `accept`: good, pass it on. `ignore`: of no use, nobody's fault. `reject`: the peer should never have passed it on. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject'
/** Judges and takes in a message. `from` relayed it and is answerable for it; it need not be its author. */
export type GossipHandler = (from: number, data: Uint8Array) => Promise<GossipVerdict>

export interface GossipCollaborators {
  readonly host: Host
  readonly peers: Peers
  readonly roster: Roster
  readonly metrics: P2pMetrics
  readonly logger: Logger
  readonly clock: Clock
}

interface Pending { messages: number; bytes: number }

/** A connected node that takes no part in gossip any more has lost its streams; after this long a new connection gives it new ones. */
const DEAF_MS_MAX = 10_000
/** A node that has not taken part yet may be starting or repairing itself, so it gets longer. */
const DEAF_MS_MAX_AT_FIRST = 60_000

/** Gossip among members. Content that was published or received within the last half minute is not delivered again. */
export class Gossip {
  readonly #options: GossipOptions
  readonly #chain: Uint8Array
  readonly #with: GossipCollaborators
  readonly #pending = new Map<number, Pending>()
  readonly #deafSince = new Map<number, number>()
  readonly #heardOnce = new Set<number>()
  readonly #onHeartbeat = (): void => this.#tendDeaf()
  #running = false

  constructor(options: { readonly gossip: GossipOptions; readonly chain: Uint8Array }, collaborators: GossipCollaborators) {
    this.#options = options.gossip
    this.#chain = options.chain
    this.#with = collaborators
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#with.host.libp2p.services.pubsub.addEventListener('gossipsub:heartbeat', this.#onHeartbeat)
  }

  stop(): void {
    this.#running = false
    this.#with.host.libp2p.services.pubsub.removeEventListener('gossipsub:heartbeat', this.#onHeartbeat)
    this.#deafSince.clear()
    this.#heardOnce.clear()
  }

  /** Takes part in a topic. Call once per kind, after the host has started. */
  subscribe(kind: GossipKind, handler: GossipHandler): void {
    const { pubsub } = this.#with.host.libp2p.services
    const topic = topicOf(this.#chain, kind)
    pubsub.topicValidators.set(topic, async (peerId, { data }) => this.#judge(kind, peerId.toString(), data, handler))
    pubsub.subscribe(topic)
  }

  unsubscribe(kind: GossipKind): void {
    const { pubsub } = this.#with.host.libp2p.services
    const topic = topicOf(this.#chain, kind)
    pubsub.unsubscribe(topic)
    pubsub.topicValidators.delete(topic)
  }

  /** Sends to every connected subscriber; resolves to how many those were. `P2P_MESSAGE_TOO_LARGE`. */
  async publish(kind: GossipKind, data: Uint8Array): Promise<number> {
    if (data.length > this.#options.messageBytesMax) throw p2pError('P2P_MESSAGE_TOO_LARGE', 'a gossip message is larger than allowed', { kind, bytes: data.length, bytesMax: this.#options.messageBytesMax })
    if (!this.#running) throw p2pError('P2P_NOT_STARTED', 'gossip is not started', { kind })
    const { recipients } = await this.#with.host.libp2p.services.pubsub.publish(topicOf(this.#chain, kind), data)
    this.#with.metrics.gossip.inc({ topic: kind, result: 'published' })
    return recipients.length
  }

  /** Nodes that take part in a topic and are connected, ascending. */
  subscribers(kind: GossipKind): number[] {
    const peers = this.#with.host.libp2p.services.pubsub.getSubscribers(topicOf(this.#chain, kind))
    return peers.flatMap((peerId) => this.#with.roster.byPeerId(peerId.toString())?.node ?? []).sort((a, b) => a - b)
  }

  async #judge(kind: GossipKind, peerId: string, data: Uint8Array, handler: GossipHandler): Promise<TopicValidatorResult> {
    const { metrics, clock } = this.#with
    const from = this.#with.roster.byPeerId(peerId)?.node
    if (from === undefined) return TopicValidatorResult.Ignore
    if (data.length > this.#options.messageBytesMax) return this.#fault(kind, from, new PeerFault('P2P_GOSSIP_REJECTED', 'reject', 'a gossip message is larger than allowed', { kind, bytes: data.length }))
    const pending = this.#pending.get(from) ?? { messages: 0, bytes: 0 }
    if (pending.messages >= this.#options.pendingMessagesMax || pending.bytes + data.length > this.#options.pendingBytesMax) return this.#fault(kind, from, new PeerFault('P2P_GOSSIP_FLOOD', 'ignore', 'a peer relays faster than it can be checked', { kind }))
    const startMs = clock.monotonicMs()
    this.#count(from, 1, data.length)
    try {
      const verdict = await handler(from, data)
      if (verdict === 'reject') return this.#fault(kind, from, new PeerFault('P2P_GOSSIP_REJECTED', 'reject', 'a peer relayed a message its topic forbids', { kind }))
      metrics.gossip.inc({ topic: kind, result: verdict })
      return verdict === 'accept' ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore
    } catch (error) {
      // A bug of this node: the message is not passed on, and the peer is not blamed for it.
      metrics.handlerFailures.inc({ channel: 'gossip' })
      this.#with.logger.error({ err: error, kind, from }, 'a handler of gossip failed')
      return TopicValidatorResult.Ignore
    } finally {
      this.#count(from, -1, -data.length)
      metrics.gossipSeconds.observe((clock.monotonicMs() - startMs) / 1000, { topic: kind })
    }
  }

  #count(node: number, messages: number, bytes: number): void {
    const pending = this.#pending.get(node) ?? { messages: 0, bytes: 0 }
    const next = { messages: pending.messages + messages, bytes: pending.bytes + bytes }
    if (next.messages === 0) this.#pending.delete(node)
    else this.#pending.set(node, next)
  }

  #fault(kind: GossipKind, node: number, fault: PeerFault): TopicValidatorResult {
    this.#with.metrics.gossip.inc({ topic: kind, result: fault.code === 'P2P_GOSSIP_FLOOD' ? 'flood' : 'reject' })
    this.#with.peers.report(node, fault)
    return fault.action === 'ignore' ? TopicValidatorResult.Ignore : TopicValidatorResult.Reject
  }

  /** gossipsub does not reopen a stream that broke while its connection lives; a node without streams would stay deaf. */
  #tendDeaf(): void {
    const { host, peers, roster, clock, logger } = this.#with
    const heard = new Set(host.libp2p.services.pubsub.getSubscribers(topicOf(this.#chain, GOSSIP_KINDS[0])).map(String))
    const subscribed = host.libp2p.services.pubsub.getTopics().includes(topicOf(this.#chain, GOSSIP_KINDS[0]))
    const now = clock.monotonicMs()
    for (const { node, peerId } of roster.peers()) {
      const connected = peers.isConnected(node)
      if (!connected) this.#heardOnce.delete(node)
      else if (heard.has(peerId)) this.#heardOnce.add(node)
      if (!subscribed || heard.has(peerId) || !connected) this.#deafSince.delete(node)
      else if (!this.#deafSince.has(node)) this.#deafSince.set(node, now)
      else if (now - this.#deafSince.get(node)! > (this.#heardOnce.has(node) ? DEAF_MS_MAX : DEAF_MS_MAX_AT_FIRST)) {
        this.#deafSince.delete(node)
        this.#heardOnce.delete(node)
        logger.info({ node }, 'a connected node takes no part in gossip, connecting anew')
        peers.disconnect(node, 'deaf to gossip')
      }
    }
  }
}
