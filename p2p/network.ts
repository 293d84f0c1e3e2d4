import type { Clock, Logger, MetricsRegister, Random } from '../primitives/ports.ts'
import { createGate } from './gate.ts'
import { Gossip } from './gossip.ts'
import { createHost } from './host.ts'
import type { Host } from './host.ts'
import { createP2pMetrics } from './metrics.ts'
import type { P2pOptions } from './options.ts'
import { Peers } from './peers.ts'
import { RaftProtocol } from './raft-protocol.ts'
import { Roster } from './roster.ts'
import type { PeerRecord } from './roster.ts'
import { PeerScores } from './scores.ts'
import { SyncProtocol } from './sync-protocol.ts'

export interface NetworkOptions {
  readonly chain: Uint8Array
  /** This node's id on the ledger. */
  readonly self: number
  /** Ed25519 seed of this node's transport key, 32 bytes. */
  readonly secret: Uint8Array
  /** The nodes the ledger names; this node may be among them. */
  readonly members: readonly PeerRecord[]
  readonly p2p: P2pOptions
}

export interface NetworkCollaborators {
  readonly logger: Logger
  readonly metrics: MetricsRegister
  readonly clock: Clock
  readonly random: Random
}

/** All of a node's network, wired. */
export interface Network {
  readonly host: Host
  readonly roster: Roster
  readonly peers: Peers
  readonly scores: PeerScores
  readonly raft: RaftProtocol
  readonly gossip: Gossip
  readonly sync: SyncProtocol
  /** Resolves when it listens and has begun to dial; connections come afterwards. Set the handlers before, or right after. */
  start(): Promise<void>
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>
}

/** Builds a node's network; nothing runs before `start`. */
export async function createNetwork({ chain, self, secret, members, p2p }: NetworkOptions, { logger, metrics: register, clock, random }: NetworkCollaborators): Promise<Network> {
  const metrics = createP2pMetrics(register)
  const roster = new Roster(self, members)
  const scores = new PeerScores(p2p, { clock })
  const host = await createHost({ secret, chain, p2p }, { gate: createGate({ roster, scores, metrics, logger }), logger })
  const peers = new Peers(p2p, { host, roster, scores, metrics, logger, clock, random })
  const raft = new RaftProtocol({ raft: p2p.raft, chain, self }, { host, peers, metrics, logger })
  const gossip = new Gossip({ gossip: p2p.gossip, chain }, { host, peers, roster, metrics, logger, clock })
  const sync = new SyncProtocol({ sync: p2p.sync, chain, self }, { host, peers, metrics, logger, clock })
  return {
    host, roster, peers, scores, raft, gossip, sync,
    async start() {
      await host.start()
      await raft.start()
      await sync.start()
      gossip.start()
      peers.start()
    },
    async stop() {
      peers.stop()
      gossip.stop()
      await raft.stop()
      await sync.stop()
      await host.stop()
    },
  }
}
