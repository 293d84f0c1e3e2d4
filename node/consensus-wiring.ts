import { Raft } from '../consensus/core/raft.ts'
import { DEFAULT_RAFT_OPTIONS } from '../consensus/core/config.ts'
import { Driver } from '../consensus/driver.ts'
import { Finality } from '../consensus/finality.ts'
import type { Mempool } from '../consensus/mempool.ts'
import { DEFAULT_PROPOSER } from '../consensus/proposer.ts'
import { readerOf, readNode } from '../contracts/index.ts'
import { attestationSchema, certificateSchema } from '../primitives/certificate.ts'
import { decode, encode } from '../primitives/codec.ts'
import type { Clock, Logger } from '../primitives/ports.ts'
import type { Signer } from '../primitives/signature.ts'
import type { Ledger } from '../state/ledger.ts'
import type { WorldState } from '../state/world-state.ts'
import type { BlockExecution } from './block-execution.ts'
import { contentOf } from './chain-follower.ts'
import type { ChainRules } from './chain-rules.ts'
import type { ChainStore } from './chain-store.ts'
import type { Config } from './config.ts'
import type { Executor } from './executor.ts'
import type { JoinWatch } from './join-watch.ts'
import { LedgerLogStore, toRaftEntry } from './log-store.ts'
import { configurationAtStart } from './node-roster.ts'
import type { RaftLines } from './raft-lines.ts'
import type { SnapshotMaker } from './snapshot-maker.ts'
import { systemRandom } from './system.ts'
import type { VerifierPool } from './verifier.ts'
import type { Votes } from './votes.ts'
import type { Witness } from './witness.ts'

export interface FinalityWiring {
  readonly node: number
  readonly signer: Signer
  readonly ledger: Ledger
  readonly store: ChainStore
  readonly rules: ChainRules
  readonly lines: RaftLines
  readonly witness: Witness
  readonly verifyBatch: VerifierPool['verifyBatch']
  readonly isBusy: (committed: number) => boolean
  readonly onFinal: (height: number) => void
  readonly failed: (error: unknown) => void
  readonly logger: Logger
}

/** Attestations and certificates, gone on with from the ledger and kept in it. */
export function createFinality({ node, signer, ledger, store, rules, lines, witness, verifyBatch, isBusy, onFinal, failed, logger }: FinalityWiring): Finality {
  const last = ledger.lastAttestation()
  const certificate = ledger.newestCertificate()
  return new Finality({
    chain: rules.chain, sets: rules, node, signer,
    attestedFloor: last?.height ?? 0,
    lastAttested: last?.bytes === undefined ? undefined : decode(attestationSchema, last.bytes),
    newestCertificate: certificate === undefined ? undefined : decode(certificateSchema, certificate.bytes),
  }, {
    persistAttestation: (bytes, height) => ledger.append({ attestation: { epoch: rules.members.epoch, height, bytes } }),
    broadcast: (bytes) => lines.broadcastAttestation(bytes),
    verifyBatch: (items) => verifyBatch(items),
    onCertificate: (made) => {
      const height = Number(made.content.height)
      ledger.appendLazy({ certificate: { height, bytes: encode(certificateSchema, made) } })
      onFinal(height)
    },
    onEvidence: (_node, first, second) => witness.twoAttestations(first, second),
    onContradiction: (theirs, own) => { witness.contradicted(theirs, own).catch(failed) },
    onForeignCertificate: (made, own) => witness.certifiedElsewhere(made, own),
    finalAt: (height) => {
      const stored = ledger.certificateCovering(height)
      const made = stored?.height === height ? decode(certificateSchema, stored.bytes) : undefined
      const block = made === undefined && store.keeps(height) ? store.block(height) : undefined
      const content = made?.content ?? (block === undefined ? undefined : contentOf(block))
      return content === undefined ? undefined : { content, certificate: made }
    },
    isBusy,
    onFailure: failed,
    logger,
  })
}

export interface DriverWiring {
  readonly config: Config
  readonly ledger: Ledger
  readonly world: WorldState
  readonly executor: Executor
  readonly execution: BlockExecution
  readonly lines: RaftLines
  readonly mempool: Mempool
  readonly maker: SnapshotMaker
  readonly watch: JoinWatch
  readonly votes: Votes
  readonly witness: Witness
  readonly mayLead: () => boolean
  /** True while nothing that this node would cut as leader counts. */
  readonly leadsInVain: () => boolean
  readonly onRoleChange: () => void
  readonly onFenced: () => void
  readonly failed: (error: unknown) => void
  readonly clock: Clock
  readonly logger: Logger
}

/** Raft over the ledger, from where the ledger and the state stand. */
export function createDriver({ config, ledger, world, executor, execution, lines, mempool, maker, watch, votes, witness, mayLead, leadsInVain, onRoleChange, onFenced, failed, clock, logger }: DriverWiring): Driver {
  const hardState = ledger.hardState()
  const log = new LedgerLogStore(ledger, (data) => executor.describe(data), () => maker.newestHeight)
  const { tickMs, electionTicks } = config.consensus
  const raft = new Raft({
    ...DEFAULT_RAFT_OPTIONS, id: config.node, configuration: configurationAtStart(readerOf(world.view()), config.dataDir), hardState, applied: executor.executedIndex,
    // What an earlier run refused is judged again: a program that was wrong and is mended must not stay stuck on a block the others committed. Sound refusals cost one execution.
    refusals: [], electionTicks, jitter: systemRandom.jitter(electionTicks),
  }, log)
  return new Driver({ ...DEFAULT_PROPOSER, tickMs, electionTicks, readTimeoutMs: 2 * tickMs * electionTicks }, {
    log, transport: lines, execution, votes, mayLead, leadsInVain, waiting: () => mempool.waiting, clock, random: systemRandom, logger,
    onRoleChange: ({ role, leader, term }) => {
      onRoleChange()
      logger.info({ role, leader, term }, 'role changed')
    },
    onRefusal: ({ index, term, code, error }) => {
      logger.error({ index, term, code, error }, 'this node refuses a block')
      const entry = ledger.entry(index)
      if (entry?.hash !== undefined) witness.refused({ index, height: entry.height, block: entry.hash, code, data: entry.data })
    },
    onSnapshotOffer: () => watch.offered(),
    onFenced: ({ fence }) => {
      onFenced()
      logger.error({ code: 'LEADER_FENCED', refusals: fence?.refusals.map(({ peer, index, code }) => ({ peer, index, code })) }, 'a majority refused this node\'s block; it will not lead again before a restart')
    },
    fatal: failed,
  }, raft, { firstRead: ledger.recovered.bootCounter * 2 ** 32 + 1, applied: executor.executedIndex, hardState })
}

/** The entries above the applied one, which the driver executes first. */
export function tailOf(ledger: Ledger, appliedIndex: number): ReturnType<typeof toRaftEntry>[] {
  return ledger.entries(appliedIndex + 1, ledger.lastIndex() + 1, Number.MAX_SAFE_INTEGER).map(toRaftEntry)
}

/** Keys under which a node's vote counts: as a voter now or before, or as the ledger names it while it becomes one. */
export function votingKeys(rules: ChainRules, world: WorldState, node: number): readonly Uint8Array[] {
  const named = readNode(readerOf(world.view()), node)
  return [...rules.keysOf(node), ...(named === undefined ? [] : [named.attestationKey])]
}
