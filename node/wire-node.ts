import { Mempool } from '../consensus/mempool.ts'
import { PeerFault } from '../p2p/errors.ts'
import type { Network } from '../p2p/network.ts'
import type { SteleError } from '../primitives/error.ts'
import type { Clock } from '../primitives/ports.ts'
import type { Signer } from '../primitives/signature.ts'
import type { Ledger } from '../state/ledger.ts'
import type { WorldState } from '../state/world-state.ts'
import { Admission } from './admission.ts'
import { Applier } from './applier.ts'
import { BlockExecution } from './block-execution.ts'
import { Cancellations } from './cancellations.ts'
import { CertificatePursuit } from './certificate-pursuit.ts'
import { ClockWatch } from './clock-watch.ts'
import { Contradictions } from './contradictions.ts'
import { createDriver, createFinality, votingKeys } from './consensus-wiring.ts'
import { EvidenceStore } from './evidence.ts'
import type { ExecutedBlock } from './executed-block.ts'
import { blame } from './join-network.ts'
import { JoinWatch } from './join-watch.ts'
import { lineHandlers } from './line-handlers.ts'
import type { NodeCollaborators, NodeParts, NodeSettings } from './node-parts.ts'
import { maySettle } from './node-roster.ts'
import { createWitness } from './odd-one-out.ts'
import { newStart, PresenceWatch } from './presence.ts'
import { systemRandom } from './system.ts'
import { pruneBlocks } from './pruner.ts'
import { RaftLines } from './raft-lines.ts'
import { RecentWrites } from './recent-writes.ts'
import { Relay } from './relay.ts'
import type { Ground } from './repair-state.ts'
import { RosterKeeper } from './roster-keeper.ts'
import { SnapshotMaker } from './snapshot-maker.ts'
import { SnapshotSchedule } from './snapshot-schedule.ts'
import { TransactionBook } from './transaction-book.ts'
import type { TransactionReader } from './transaction-reader.ts'
import type { VerifierPool } from './verifier.ts'
import { Votes } from './votes.ts'

/** A node whose clock is further off the members' median than this does not lead, in ms (DESIGN §5.5). */
const CLOCK_TOLERANCE_MS = 500

/** What is there before the parts are wired. */
export interface WiringGround extends Ground, Pick<NodeParts, 'archives' | 'snapshots' | 'ownKeys' | 'versions' | 'registry' | 'rules'> {
  readonly settings: NodeSettings
  readonly collaborators: NodeCollaborators
  readonly ledger: Ledger
  readonly world: WorldState
  readonly network: Network
  readonly routed: ConstructorParameters<typeof RosterKeeper>[0]['routed']
  readonly signer: Signer
  readonly verifier: VerifierPool
  readonly reader: TransactionReader
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** What the parts tell the node they make up. */
export interface NodeEvents {
  readonly onCommitted: (block: ExecutedBlock) => void
  readonly onFinal: (height: number) => void
  readonly onRoleChange: () => void
  readonly onFenced: () => void
  readonly standAside: (error: SteleError) => void
  readonly halt: (reason: string) => void
  readonly failed: (error: unknown) => void
}

/** Makes the parts of a node and joins them; nothing of them runs yet. */
export async function wireNode(ground: WiringGround, events: NodeEvents): Promise<NodeParts> {
  const { settings: { config, genesis }, collaborators: { logger, metrics, fatal, rejoin }, rules, ledger, world, executor, window, store, network, snapshots, registry, versions, ownKeys, signer, verifier, reader, archives, clock, signal } = ground
  const { failed } = events
  const verifyBatch = verifier.verifyBatch.bind(verifier)
  const { tip } = executor
  const mempool = new Mempool(config.mempool, () => rules.members.voters.length)
  const book = new TransactionBook()
  const recent = new RecentWrites()
  const cancellations = new Cancellations(2 * rules.limits.lifetimeMsMax)
  const prune = async (): Promise<void> => void await pruneBlocks({ keepBlocks: config.prune.keepBlocks, lifetimeMsMax: rules.limits.lifetimeMsMax }, { folder: snapshots, ledger, world, store, rules, logger, signal })
  const maker = new SnapshotMaker({ folder: snapshots, world, window, ledger, store, rules, prunes: config.prune.keepBlocks > 0, logger, onFailure: failed, onCertified: prune })
  await maker.start()
  const schedule = SnapshotSchedule.at(rules.limits, ledger, world.height, maker.newestHeight)
  const applier = new Applier(world, { height: tip.height, hash: tip.hash }, failed, { ends: ({ height, index, rules: { limits } }) => schedule.ends(height, ledger.entryBytes(index), limits), reached: (block) => maker.reached(block) })
  const execution = new BlockExecution({ patienceMs: config.consensus.tickMs * config.consensus.electionTicks }, {
    executor, applier, mempool, book, cancellations, clock, logger,
    onCommitted: (block) => {
      recent.keep(block)
      events.onCommitted(block)
    },
    speaksIn: (members) => ownKeys.speaksIn(members),
    maySettle: (step) => maySettle(step, { driver, finality, ledger, executor, clock, rules }),
    onLeaderAhead: (aheadMs) => {
      logger.warn({ aheadMs }, 'the leader\'s clock runs ahead of this node\'s')
      driver.forgetLeader()
    },
  })
  const keeper = new RosterKeeper({ node: config.node, keys: ownKeys, roster: network.roster, routed: ground.routed, handOver: () => driver.handOver(), fatal, logger })
  const lines = new RaftLines(network.raft, lineHandlers(() => ({ presence, finality, votes, clocks, lines }), failed, logger))
  const start = newStart(systemRandom)
  const presence = new PresenceWatch(config.dataDir, {
    own: () => ({ boot: ledger.recovered.bootCounter, committed: driver.status.committedIndex, last: ledger.lastIndex(), startTerm: ledger.recovered.hardState.term, startLast: ledger.recovered.lastIndex, start }), broadcast: (bytes) => lines.broadcastPresence(bytes),
    known: () => network.roster.peers().map(({ node }) => node), logger,
    acknowledged: () => {
      const { term, peers } = driver.status
      return peers.map(({ id, match }) => ({ node: id, term, index: match }))
    },
  })
  const clocks = new ClockWatch({ toleranceMs: CLOCK_TOLERANCE_MS, voters: () => rules.members.voters.map(({ node }) => node) }, {
    broadcast: (timeMs) => lines.broadcastClock(timeMs), clock, logger,
    onOff: () => { if (driver.status.role === 'leader') void driver.handOver() },
  })
  const evidence = new EvidenceStore(config.dataDir, { id: rules.chain, sets: () => rules.periods.map(({ set }) => set) }, { logger, metrics, clock, publish: (data) => network.gossip.publish('alert', data) })
  await evidence.load()
  const contradictions = new Contradictions({ logger, metrics })
  const witness = createWitness({ chain: rules.chain, finalHeight: () => finality.finalHeight, recent, ledger, executor, network, evidence, contradictions, standAside: events.standAside, halt: events.halt, failed, signal, logger })
  const votes = new Votes({ chain: rules.chain, epoch: () => rules.members.epoch, keysOf: (node) => votingKeys(rules, world, node), node: config.node, signer }, {
    lastBlock: () => executor.tip.hash, term: () => driver.status.term, broadcast: (vote) => lines.broadcastVote(vote), clock,
    onVoteFrom: (from, term) => presence.voted(from, term),
    onTwoVotes: (first, second) => { evidence.keep({ kind: 'vote', value: { first, second } }) },
  })
  const isBusy = (committed: number): boolean => mempool.size > 0 || executor.executedIndex < ledger.lastIndex() || executor.tip.height > committed
  const onFinal = (height: number): void => {
    recent.final(height)
    events.onFinal(height)
  }
  const finality = createFinality({ node: config.node, signer, ledger, store, rules, lines, witness, verifyBatch, isBusy, onFinal, failed, logger })
  const watch = new JoinWatch(config.snapshots.joinBehindBlocks, {
    sync: network.sync, peers: () => network.roster.peers(), chain: rules.chain, trusted: rules.periods[0]!, logger, blame: (node, code) => blame(network, node, code),
    height: () => store.height, leads: () => driver.status.role === 'leader', onFailure: failed,
    onBehind: (height, reason) => {
      logger.info({ height, own: store.height, reason }, 'a snapshot is far ahead; the node takes it')
      rejoin?.(reason)
    },
  })
  const mayLead = (): boolean => clocks.isSound && ownKeys.mayLeadIn(executor.tip.rules.members)
  const leadsInVain = (): boolean => !ownKeys.speaksIn(rules.members) && !executor.opensEpoch
  const driver = createDriver({ config, ledger, world, executor, execution, lines, mempool, maker, watch, votes, witness, mayLead, leadsInVain, onRoleChange: events.onRoleChange, onFenced: events.onFenced, failed, clock, logger })
  const admission = new Admission({ chain: rules.chain, lifetimeMsMax: rules.limits.lifetimeMsMax }, { executor, world, window, registry, mempool, cancellations, store, clock, reader, verifyBatch })
  const relay = new Relay({
    admission, self: config.node, leader: () => driver.status.leader, waiting: () => mempool.peek(256, 1024 * 1024), onAdmitted: () => driver.kick(),
    publish: (data) => network.gossip.publish('tx', data), forward: (node, data) => network.sync.request(node, 'transactions', data),
    blame: (node) => network.peers.report(node, new PeerFault('P2P_GOSSIP_REJECTED', 'reject', 'a peer handed over transactions that no sound member passes on', { kind: 'tx' })), clock, logger,
  })
  const pursuit = new CertificatePursuit({ finality, rules, sync: network.sync, peers: () => network.raft.reachable(), broadcast: (bytes) => lines.broadcastAttestation(bytes), logger })
  return { registry, versions, ownKeys, keeper, presence, evidence, contradictions, votes, lines, clocks, execution, config, genesis, rules, world, ledger, store, mempool, book, cancellations, executor, driver, finality, network, admission, relay, verifier, applier, maker, snapshots, watch, pursuit, archives, clock, startedAtMs: clock.nowMs() }
}
