import type { Driver } from '../consensus/driver.ts'
import type { Finality } from '../consensus/finality.ts'
import type { Mempool } from '../consensus/mempool.ts'
import type { Registry } from '../contracts/index.ts'
import type { Network } from '../p2p/network.ts'
import type { Genesis } from '../primitives/genesis.ts'
import type { Clock, Logger, MetricsRegister } from '../primitives/ports.ts'
import type { FileSystem } from '../state/file-system.ts'
import type { Ledger } from '../state/ledger.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import type { WorldState } from '../state/world-state.ts'
import type { Admission } from './admission.ts'
import type { Applier } from './applier.ts'
import type { ArchiveShelf } from './archive-shelf.ts'
import type { BlockExecution } from './block-execution.ts'
import type { Cancellations } from './cancellations.ts'
import type { CertificatePursuit } from './certificate-pursuit.ts'
import type { ChainRules } from './chain-rules.ts'
import type { ChainStore } from './chain-store.ts'
import type { ClockWatch } from './clock-watch.ts'
import type { Config } from './config.ts'
import type { ContractVersions } from './contract-versions.ts'
import type { Contradictions } from './contradictions.ts'
import type { EvidenceStore } from './evidence.ts'
import type { Executor } from './executor.ts'
import type { JoinWatch } from './join-watch.ts'
import type { NodeKeys } from './keys.ts'
import type { OwnKeys } from './own-keys.ts'
import type { PresenceWatch } from './presence.ts'
import type { RaftLines } from './raft-lines.ts'
import type { Relay } from './relay.ts'
import type { RosterKeeper } from './roster-keeper.ts'
import type { SnapshotMaker } from './snapshot-maker.ts'
import type { TransactionBook } from './transaction-book.ts'
import type { VerifierPool } from './verifier.ts'
import type { Votes } from './votes.ts'

export interface NodeCollaborators {
  readonly logger: Logger
  readonly metrics: MetricsRegister
  readonly clock?: Clock
  /** Where the ledger lives; a seam for the tests that crash. */
  readonly fileSystem?: FileSystem
  /** The contracts of this program; a seam for the test of a version that no program has yet. */
  readonly registry?: Registry
  /** An invariant broke or the disk failed: end the process, the data on disk are sound. */
  readonly fatal: (error: unknown) => void
  /** Start by taking a snapshot from the other members, if there is one. */
  readonly join?: JoinReason | undefined
  /** The node is so far behind that a snapshot is the better way, or the only one. Stop it and start a new one with `join`. Without this it replays, or waits. */
  readonly rejoin?: (reason: JoinReason) => void
  /** Damage was met in ledger or state; consensus has been stopped already. Stop this node and start a new one, which repairs itself first. `fatal` unless given. */
  readonly damaged?: (error: unknown) => void
}

export interface NodeSettings { readonly config: Config; readonly genesis: Genesis; readonly keys: NodeKeys }

/** Why a node is started to join by a snapshot: one is far ahead, or the only way on. */
export type JoinReason = 'behind' | 'required'

/** `fenced`: a majority refused its blocks. `repair`: it mends its stores, joins, or is held because it differs. */
export type NodeMode = 'starting' | 'normal' | 'repair' | 'fenced' | 'stopping'

/** The parts of a running node; what RPC, health and tests read from. */
export interface NodeParts {
  readonly config: Config
  readonly genesis: Genesis
  readonly rules: ChainRules
  readonly world: WorldState
  readonly ledger: Ledger
  readonly store: ChainStore
  readonly mempool: Mempool
  readonly book: TransactionBook
  readonly cancellations: Cancellations
  readonly executor: Executor
  readonly driver: Driver
  readonly finality: Finality
  readonly evidence: EvidenceStore
  readonly contradictions: Contradictions
  readonly presence: PresenceWatch
  readonly registry: Registry
  readonly versions: ContractVersions
  readonly ownKeys: OwnKeys
  readonly keeper: RosterKeeper
  readonly votes: Votes
  readonly lines: RaftLines
  readonly clocks: ClockWatch
  readonly execution: BlockExecution
  readonly network: Network
  readonly admission: Admission
  readonly relay: Relay
  readonly verifier: VerifierPool
  readonly applier: Applier
  readonly maker: SnapshotMaker
  readonly snapshots: SnapshotFolder
  readonly watch: JoinWatch
  readonly pursuit: CertificatePursuit
  readonly archives: ArchiveShelf
  readonly clock: Clock
  readonly startedAtMs: number
}
