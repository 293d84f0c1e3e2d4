import { randomBytes, randomInt } from 'node:crypto'
import { mkdir, readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Raft } from '../consensus/core/raft.ts'
import { DEFAULT_RAFT_OPTIONS } from '../consensus/core/config.ts'
import { Driver } from '../consensus/driver.ts'
import { Finality } from '../consensus/finality.ts'
import { Mempool } from '../consensus/mempool.ts'
import { DEFAULT_PROPOSER } from '../consensus/proposer.ts'
import type { Reader, Registry } from '../contracts/index.ts'
import { builtInRegistry, readerOf, readNode } from '../contracts/index.ts'
import { DEFAULT_P2P } from '../p2p/options.ts'
import { createNetwork } from '../p2p/network.ts'
import type { Network } from '../p2p/network.ts'
import type { PeerRecord } from '../p2p/roster.ts'
import { attestationSchema, certificateSchema } from '../primitives/certificate.ts'
import type { AttestationContent, Certificate } from '../primitives/certificate.ts'
import { toHex } from '../primitives/bytes.ts'
import { decode, encode } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { noMetrics } from '../primitives/ports.ts'
import type { Clock, Logger, MetricsRegister, Random } from '../primitives/ports.ts'
import { createSigner } from '../primitives/signature.ts'
import { signatureSelfTest } from '../primitives/signature-self-test.ts'
import { openLedger } from '../state/ledger-open.ts'
import type { Ledger } from '../state/ledger.ts'
import type { FileSystem } from '../state/file-system.ts'
import { nodeFileSystem, nodeTimers } from '../state/node-file-system.ts'
import { SnapshotFolder } from '../state/snapshot-folder.ts'
import type { WorldState } from '../state/world-state.ts'
import { Admission } from './admission.ts'
import { Applier } from './applier.ts'
import { BlockExecution } from './block-execution.ts'
import type { ChainRules } from './chain-rules.ts'
import { Cancellations } from './cancellations.ts'
import { CertificatePursuit } from './certificate-pursuit.ts'
import { ChainStore } from './chain-store.ts'
import type { Config } from './config.ts'
import { ContractVersions } from './contract-versions.ts'
import type { ExecutedBlock } from './executed-block.ts'
import { firstDifference, serveDigests } from './diagnose.ts'
import type { FirstDifference } from './diagnose.ts'
import { ClockWatch } from './clock-watch.ts'
import { EvidenceStore } from './evidence.ts'
import { Votes } from './votes.ts'
import { Witness } from './witness.ts'
import type { RefusedBlock } from './witness.ts'
import { Executor } from './executor.ts'
import { headerRules } from './genesis-file.ts'
import type { NodeKeys } from './keys.ts'
import { openedRecovery } from './recovery-file.ts'
import { configurationAtStart, genesisNodes, maySettle, nodesIn, withCards } from './node-roster.ts'
import { OwnKeys } from './own-keys.ts'
import type { KeyStanding } from './own-keys.ts'
import { RosterKeeper } from './roster-keeper.ts'
import { LedgerLogStore, toRaftEntry } from './log-store.ts'
import { recoverTip, recoverWindow } from './recover.ts'
import { Relay } from './relay.ts'
import { RepairRoom } from './repair-room.ts'
import type { Ground } from './repair-state.ts'
import { openStores } from './repair.ts'
import { completeJoin, isJoinBegun, snapshotsFolder } from './join-swap.ts'
import { blame, joinWithNetwork } from './join-network.ts'
import { JoinWatch } from './join-watch.ts'
import { pruneBlocks } from './pruner.ts'
import { ArchiveShelf } from './archive-shelf.ts'
import { SnapshotMaker } from './snapshot-maker.ts'
import { snapshotWindow } from './snapshot-restore.ts'
import { SnapshotSchedule } from './snapshot-schedule.ts'
import { serveSnapshots } from './snapshot-server.ts'
import { BlockSource, serveBlocks, signedHeaderAt } from './sync-blocks.ts'
import { addressesOf } from './routes.ts'
import { TransactionBook } from './transaction-book.ts'
import { TransactionReader } from './transaction-reader.ts'
import { decodePresence, PresenceWatch } from './presence.ts'
import { RaftLines } from './raft-lines.ts'
import { VerifierPool } from './verifier.ts'

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)), jitter: (below) => (below <= 1 ? 0 : randomInt(below)) }

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

type ExecutorClass = typeof Executor
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
  readonly clock: Clock
  readonly startedAtMs: number
}

/** Committed blocks that are looked at again after a start; older ones become final with them. */
const RECALLED_BLOCKS_MAX = 256

/** A node whose clock is further off the members' median than this does not lead, in ms (DESIGN §5.5). */
const CLOCK_TOLERANCE_MS = 500
/** How often an idle node looks whether something it holds back has expired, in ms. */
const EXPIRY_LOOK_MS = 1_000

/** Composition root: opens what a node keeps, wires the parts, starts them in order and stops them in reverse. */
export class SteleNode {
  readonly #settings: NodeSettings
  readonly #with: NodeCollaborators
  readonly #clock: Clock
  readonly #executorClass: ExecutorClass
  readonly #committed = new Set<(block: ExecutedBlock) => void>()
  readonly #final = new Set<(height: number) => void>()
  #parts: NodeParts | undefined
  #mode: NodeMode = 'starting'
  #repairReason: string | undefined
  #damageTold = false
  #starting: Promise<void> | undefined
  readonly #stopping = new AbortController()
  #stopped = false
  #leaderChanges = 0
  #finalWaitsSinceMs: number | undefined
  #archives: ArchiveShelf | undefined
  #freeBytes = 0
  #databaseBytes = 0
  #ledgerBytes = 0
  #readingsTimer: NodeJS.Timeout | undefined
  #expiryTimer: NodeJS.Timeout | undefined
  #pursuit: CertificatePursuit | undefined

  /** `executorClass` is a seam for the test that plants a wrong write. */
  constructor(settings: NodeSettings, collaborators: NodeCollaborators, executorClass: ExecutorClass = Executor) {
    this.#settings = settings
    this.#with = collaborators
    this.#clock = collaborators.clock ?? systemClock
    this.#executorClass = executorClass
  }

  get parts(): NodeParts {
    if (this.#parts === undefined) throw new SteleError({ code: 'NODE_NOT_STARTED', message: 'the node is not started' })
    return this.#parts
  }

  get mode(): NodeMode { return this.#mode }
  /** Why the node is in repair mode, with the height; undefined in every other mode. */
  get repairReason(): string | undefined { return this.#mode === 'repair' ? this.#repairReason : undefined }
  get leaderChanges(): number { return this.#leaderChanges }
  get freeBytes(): number { return this.#freeBytes }
  get databaseBytes(): number { return this.#databaseBytes }
  get ledgerBytes(): number { return this.#ledgerBytes }
  /** Age of the oldest committed block that is not final, in ms; 0 when there is none. */
  get finalityLagMs(): number { return this.#finalWaitsSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#finalWaitsSinceMs }

  /** Calls `listener` for each committed block, in order; returns how to end that. */
  onCommitted(listener: (block: ExecutedBlock) => void): () => void {
    this.#committed.add(listener)
    return () => { this.#committed.delete(listener) }
  }

  /** Calls `listener` with each new final height; returns how to end that. */
  onFinal(listener: (height: number) => void): () => void {
    this.#final.add(listener)
    return () => { this.#final.delete(listener) }
  }

  /** Resolves once the node takes part; that is after the repair when its stores are damaged. Throws what opening them throws, and `NODE_STOPPING`. */
  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const { config, genesis, keys } = this.#settings
    const { logger, metrics } = this.#with
    const fatal = this.#failed
    signatureSelfTest()
    const rules = headerRules(genesis)
    const signer = createSigner(keys.attestation)
    const ownKeys = new OwnKeys(config.node, keys)
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
    await this.#readFreeBytes()
    const snapshots = new SnapshotFolder(snapshotsFolder(config.dataDir), rules.chain)
    const justJoined = await this.#join(rules)
    const archives = await ArchiveShelf.open(config.dataDir, rules.chain, logger)
    this.#archives = archives
    const verifier = new VerifierPool({ threads: config.verifier.threads, batchMax: 256, verdictsMax: 65_536 })
    const registry = this.#with.registry ?? builtInRegistry()
    const versions = new ContractVersions(registry, logger)
    const verifyBatch = verifier.verifyBatch.bind(verifier)
    const reader = new TransactionReader(rules.chain, (items) => verifier.verifyUnseen(items))
    const createGround = async (upon: Ledger, world: WorldState): Promise<Ground> => {
      const store = new ChainStore(rules.chain, upon, world, archives)
      const tip = recoverTip(world, store, genesis)
      rules.load(readerOf(world.view()))
      const window = await recoverWindow(store, rules.chain, registry, tip, rules.limits.lifetimeMsMax, (height) => snapshotWindow(snapshots, height))
      const recovery = openedRecovery(config.dataDir, rules.members.epoch + 1)
      const executor = new this.#executorClass({ chain: rules.chain, node: config.node, signer, recovery }, { world, window, registry, reader, knows: (item) => verifier.knows(item), verifyBatch }, tip, world.appliedIndex)
      return { executor, window, store }
    }
    const { ledger, world, ground: { executor, window, store } } = await this.#openStores(rules, snapshots, createGround, justJoined).catch(async (error: unknown) => {
      await verifier.stop()
      throw error
    })
    const { tip } = executor
    const standing = await this.#admit(ownKeys, registry, rules, world, executor).catch(async (error: unknown) => {
      await Promise.all([verifier.stop(), ledger.close(), world.close()])
      archives.close()
      throw error
    })
    versions.look(tip.rules.activations, tip.height)
    if (standing === 'ahead') logger.warn({ code: 'NODE_KEYS_AHEAD' }, 'the ledger here names other keys for this node; it follows without a vote until it has come to the vote that gave it these. If there was none, nobody lets it in: check `keystore`')
    const mempool = new Mempool(config.mempool, () => rules.members.voters.length)
    const book = new TransactionBook()
    const cancellations = new Cancellations(2 * rules.limits.lifetimeMsMax)
    const maker = new SnapshotMaker({ folder: snapshots, world, window, ledger, store, rules, logger, onFailure: fatal, onCertified: () => this.#prune(snapshots) })
    await maker.start()
    const schedule = SnapshotSchedule.at(rules.limits, ledger, world.height, maker.newestHeight)
    const applier = new Applier(world, { height: tip.height, hash: tip.hash }, fatal, { ends: ({ height, index }) => schedule.ends(height, ledger.entryBytes(index)), reached: (block) => maker.reached(block) })
    const execution = new BlockExecution({ patienceMs: config.consensus.tickMs * config.consensus.electionTicks }, {
      executor, applier, mempool, book, cancellations, clock: this.#clock, logger,
      onCommitted: (block) => this.#blockCommitted(block),
      speaksIn: (members) => ownKeys.speaksIn(members),
      maySettle: (step) => maySettle(step, this.parts),
      onLeaderAhead: (aheadMs) => {
        logger.warn({ aheadMs }, 'the leader\'s clock runs ahead of this node\'s')
        this.parts.driver.forgetLeader()
      },
    })
    const network = await this.#createNetwork(rules.chain, metrics, readerOf(world.view()))
    const keeper = new RosterKeeper({ node: config.node, keys: ownKeys, roster: network.roster, routed: (nodes) => this.#routed(nodes), handOver: () => driver.handOver(), fatal: this.#with.fatal, logger })
    const lines = new RaftLines(network.raft, { onAttestation: (from, bytes) => this.#attestationReceived(from, bytes), onVote: (from, bytes) => this.#voteReceived(from, bytes), onClock: (from, timeMs) => clocks.heard(from, timeMs), onPresence: (from, bytes) => this.#presenceReceived(from, bytes), isRefused: (from) => presence.refused(from) !== undefined, logger })
    const presence = new PresenceWatch(config.dataDir, {
      own: () => ({ boot: ledger.recovered.bootCounter, committed: driver.status.committedIndex, last: ledger.lastIndex() }), broadcast: (bytes) => lines.broadcastPresence(bytes),
      known: () => network.roster.peers().map(({ node }) => node), logger,
    })
    const clocks = new ClockWatch({ toleranceMs: CLOCK_TOLERANCE_MS, voters: () => rules.members.voters.map(({ node }) => node) }, {
      broadcast: (timeMs) => lines.broadcastClock(timeMs), clock: this.#clock, logger,
      onOff: () => { if (driver.status.role === 'leader') void driver.handOver() },
    })
    const evidence = new EvidenceStore(config.dataDir, { id: rules.chain, sets: () => rules.periods.map(({ set }) => set) }, { logger, metrics, clock: this.#clock, publish: (data) => network.gossip.publish('alert', data) })
    await evidence.load()
    const witness = this.#createWitness(ledger, executor, network, evidence)
    const votes = new Votes({ chain: rules.chain, epoch: () => rules.members.epoch, keysOf: (node) => votingKeys(rules, world, node), node: config.node, signer }, {
      lastBlock: () => executor.tip.hash, term: () => driver.status.term, broadcast: (vote) => lines.broadcastVote(vote), clock: this.#clock,
      onTwoVotes: (first, second) => { evidence.keep({ kind: 'vote', value: { first, second } }) },
    })
    const isBusy = (committed: number): boolean => mempool.size > 0 || executor.executedIndex < ledger.lastIndex() || executor.tip.height > committed
    const finality = this.#createFinality(ledger, verifyBatch, rules, signer, lines, witness, isBusy)
    const watch = new JoinWatch(config.snapshots.joinBehindBlocks, {
      sync: network.sync, peers: () => network.roster.peers(), chain: rules.chain, trusted: rules.periods[0]!, logger, blame: (node, code) => blame(network, node, code),
      height: () => store.height, leads: () => this.parts.driver.status.role === 'leader', onFailure: fatal,
      onBehind: (height, reason) => {
        logger.info({ height, own: store.height, reason }, 'a snapshot is far ahead; the node takes it')
        this.#with.rejoin?.(reason)
      },
    })
    const driver = this.#createDriver(ledger, world, executor, execution, lines, mempool, maker, watch, votes, witness, () => clocks.isSound && ownKeys.mayLeadIn(executor.tip.rules.members), () => !ownKeys.speaksIn(rules.members) && !executor.opensEpoch)
    const admission = new Admission({ chain: rules.chain, lifetimeMsMax: rules.limits.lifetimeMsMax }, { executor, world, window, registry, mempool, cancellations, store, clock: this.#clock, reader, verifyBatch })
    const relay = new Relay({
      admission, self: config.node, leader: () => driver.status.leader, waiting: () => mempool.peek(256, 1024 * 1024), onAdmitted: () => driver.kick(),
      publish: (data) => network.gossip.publish('tx', data), forward: (node, data) => network.sync.request(node, 'transactions', data), clock: this.#clock, logger,
    })
    this.#parts = { registry, versions, ownKeys, keeper, presence, evidence, votes, lines, clocks, execution, config, genesis, rules, world, ledger, store, mempool, book, cancellations, executor, driver, finality, network, admission, relay, verifier, applier, maker, snapshots, watch, clock: this.#clock, startedAtMs: this.#clock.nowMs() }
    await network.start()
    network.gossip.subscribe('tx', (_from, data) => relay.receive(data))
    network.gossip.subscribe('alert', (from, data) => Promise.resolve(evidence.receive(from, data)))
    network.sync.handle('transactions', async (_from, data) => {
      await relay.receive(data)
      return new Uint8Array(0)
    })
    lines.onConnected(() => {
      presence.tell()
      const last = finality.repeat()
      if (last !== undefined) lines.broadcastAttestation(last)
      evidence.repeat()
      watch.connected()
    })
    serveDigests(network.sync, world)
    this.#pursuit = new CertificatePursuit({ finality, rules, sync: network.sync, peers: () => network.raft.reachable(), broadcast: (bytes) => lines.broadcastAttestation(bytes), logger })
    this.#pursuit.start()
    presence.start()
    serveBlocks({ sync: network.sync, ledger, store, finalityOfChange: (height) => maker.finalityOfChange(height), committedIndex: () => driver.status.committedIndex })
    serveSnapshots(network.sync, snapshots)
    relay.start()
    this.#recallCommitted()
    driver.start(ledger.lastIndex() > world.appliedIndex ? tailOf(ledger, world.appliedIndex) : [])
    if (this.#with.rejoin !== undefined) watch.start(justJoined)
    await this.#readDisk()
    clocks.start()
    this.#expiryTimer = setInterval(() => { if (execution.releaseExpired()) driver.kick() }, EXPIRY_LOOK_MS).unref()
    this.#readingsTimer = setInterval(() => { void this.#readDisk() }, 10_000).unref()
    if (this.#stopping.signal.aborted) return
    this.#mode = 'normal'
    this.#repairReason = undefined
    logger.info({ node: config.node, height: world.height, peer: network.host.peerId, listen: network.host.addresses() }, 'node started')
  }

  /** Whether the node may take part from where its state stands: with these keys, and with the contract versions of this program. Throws NODE_* and `CONTRACT_VERSION_MISSING`. */
  async #admit(ownKeys: OwnKeys, registry: Registry, rules: ChainRules, world: WorldState, { tip }: Executor): Promise<KeyStanding> {
    const { config } = this.#settings
    registry.under(tip.rules.activations).requireAt(BigInt(tip.height + 1))
    return ownKeys.admit(readerOf(world.view()), { joins: config.p2p.peers !== undefined, formerly: rules.keysOf(config.node) })
  }

  /** Says `stopping` from now on. */
  announceStop(): void {
    this.#mode = 'stopping'
  }

  /** Stops in reverse order; everything acknowledged is on disk. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#mode = 'stopping'
    this.#stopping.abort()
    // A start under way ends with its own error, which its caller gets; here only its end matters.
    await this.#starting?.catch((error: unknown) => this.#with.logger.debug({ code: errorCode(error) }, 'the start was ended'))
    if (this.#parts === undefined) return
    const { driver, relay, finality, network, verifier, applier, world, ledger, maker, watch, clocks } = this.#parts
    clearInterval(this.#readingsTimer)
    clearInterval(this.#expiryTimer)
    clocks.stop()
    watch.stop()
    // Writes go on without an election when a leader is stopped in order.
    if (await driver.handOver()) this.#with.logger.info({}, 'the leadership was handed over')
    this.#parts.keeper.stop()
    relay.stop()
    this.#pursuit?.stop()
    await this.#parts.presence.stop()
    driver.stop()
    finality.stop()
    await network.stop()
    await applier.settled()
    await maker.stop()
    await verifier.stop()
    await ledger.close()
    await world.close()
    this.#archives?.close()
    this.#with.logger.info({}, 'node stopped')
  }

  /** Damage is a reason to repair, everything else one to end the process. */
  readonly #failed = (error: unknown): void => {
    const code = errorCode(error)
    if (this.#stopped && code === 'NODE_STOPPING') return // Work that the stop itself ended.
    if (code !== 'LEDGER_DAMAGED' && code !== 'STATE_DAMAGED') return this.#with.fatal(error)
    if (this.#damageTold) return
    this.#damageTold = true
    const height = error instanceof SteleError ? error.details['height'] : undefined
    this.#enterRepair(`repair: ${height === undefined ? 'the state' : `height ${String(height)}`} damaged`)
    // At once: nothing more is voted, acknowledged or attested.
    this.#parts?.driver.stop()
    this.#parts?.finality.stop()
    this.#parts?.relay.stop()
    const tell = this.#with.damaged ?? this.#with.fatal
    tell(error)
  }

  /** Before the start: the node is not to take part, and says why. */
  hold(reason: string): void {
    this.#enterRepair(reason)
  }

  #enterRepair(reason: string): void {
    if (this.#mode !== 'stopping') this.#mode = 'repair'
    this.#repairReason = reason
  }

  async #openStores(rules: ChainRules, snapshots: SnapshotFolder, createGround: (ledger: Ledger, world: WorldState) => Promise<Ground>, justProved: boolean): ReturnType<typeof openStores> {
    const { config, genesis } = this.#settings
    const { logger, fatal } = this.#with
    const room = new RepairRoom({
      createNetwork: () => this.#createNetwork(rules.chain, noMetrics), others: rules.members.voters.map(({ node }) => node).filter((node) => node !== config.node),
      logger, onRepair: (reason) => this.#enterRepair(reason),
    }, this.#stopping.signal)
    // Until the node takes part, damage is what `openStores` itself looks for.
    const onDamaged = (error: unknown): void => { if (this.#parts !== undefined) this.#failed(error) }
    return openStores(join(config.dataDir, 'state'), {
      rules, room, genesis, justProved, chain: rules.chain, limits: rules.limits, snapshots, createGround, logger, signal: this.#stopping.signal, onRebuild: (reason) => this.#enterRepair(reason), onDamaged,
      openLedger: () => openLedger({ directory: join(config.dataDir, 'ledger'), chainId: rules.chain, segmentBytes: config.ledger.segmentBytes }, { fileSystem: this.#with.fileSystem ?? nodeFileSystem, timers: nodeTimers, logger, random: systemRandom, failed: fatal, damaged: onDamaged }),
    })
  }

  #routed(nodes: readonly PeerRecord[]): PeerRecord[] {
    return nodes.map((record) => ({ ...record, addresses: addressesOf(record.node, record.addresses, this.#settings.config.p2p.routes) }))
  }

  #createNetwork(chain: Uint8Array, metrics: MetricsRegister, reader?: Reader): Promise<Network> {
    const { config, genesis, keys } = this.#settings
    const named = reader === undefined ? genesisNodes(genesis) : nodesIn(reader)
    return createNetwork({
      chain, self: config.node, secret: keys.transport, p2p: { ...DEFAULT_P2P, listen: config.p2p.listen },
      members: this.#routed(named.some(({ node }) => node === config.node) ? named : withCards(named, config.p2p.peers)),
    }, { logger: this.#with.logger, metrics, clock: this.#clock, random: systemRandom })
  }

  /** Puts a finished installation in place, goes on with one that was begun, or begins one. A node that finds no snapshot starts with what it has. True when this process has built the state just now. */
  async #join(rules: ChainRules): Promise<boolean> {
    const { config, genesis } = this.#settings
    const { logger, join: reason } = this.#with
    const done = await completeJoin(config.dataDir, rules.chain)
    if (done !== undefined) logger.info({ height: done }, 'joined by snapshot')
    if (done !== undefined || (reason === undefined && !isJoinBegun(config.dataDir))) return false
    this.#enterRepair('sync: looking for a snapshot')
    const height = await joinWithNetwork({
      dataDir: config.dataDir, chain: rules.chain, trusted: rules.periods[0]!, lifetimeMsMax: genesis.parameters.lifetimeMsMax, segmentBytes: config.ledger.segmentBytes, required: reason === 'required',
      ledger: { fileSystem: this.#with.fileSystem ?? nodeFileSystem, timers: nodeTimers, logger, random: systemRandom }, createNetwork: () => this.#createNetwork(rules.chain, noMetrics),
      logger, signal: this.#stopping.signal, onStep: (text) => this.#enterRepair(text),
    })
    if (height !== undefined) logger.info({ height }, 'joined by snapshot')
    if (this.#mode === 'repair') this.#mode = 'starting'
    this.#repairReason = undefined
    return height !== undefined
  }

  async #prune(folder: SnapshotFolder): Promise<void> {
    const { ledger, world, store, rules, config } = this.parts
    await pruneBlocks({ keepBlocks: config.prune.keepBlocks, lifetimeMsMax: rules.limits.lifetimeMsMax }, { folder, ledger, world, store, rules, logger: this.#with.logger, signal: this.#stopping.signal })
  }

  /** What was committed before the start and is not final yet is attested and certified like everything else. */
  #recallCommitted(): void {
    const { store, finality, world } = this.parts
    const first = Math.max(finality.finalHeight + 1, world.height - RECALLED_BLOCKS_MAX)
    const changes = this.parts.rules.changeHeights.filter((height) => height > finality.finalHeight && height < first)
    for (const height of [...changes, ...Array.from({ length: Math.max(0, world.height - first + 1) }, (_, i) => first + i)]) {
      const { header, hash } = store.block(height)!
      finality.committed(contentOf({ header, hash }))
    }
  }

  #createFinality(ledger: Ledger, verifyBatch: VerifierPool['verifyBatch'], rules: ChainRules, signer: ReturnType<typeof createSigner>, lines: RaftLines, witness: Witness, isBusy: (committed: number) => boolean): Finality {
    const { logger } = this.#with
    const fatal = this.#failed
    const last = ledger.lastAttestation()
    const certificate = ledger.newestCertificate()
    return new Finality({
      chain: rules.chain, sets: rules, node: this.#settings.config.node, signer,
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
        this.#blocksFinal(height)
      },
      onEvidence: (_node, first, second) => witness.twoAttestations(first, second),
      onContradiction: (theirs, own) => { witness.contradicted(theirs, own).catch(fatal) },
      onForeignCertificate: (made, own) => witness.certifiedElsewhere(made, own),
      isBusy,
      onFailure: fatal,
      logger,
    })
  }

  #createDriver(ledger: Ledger, world: WorldState, executor: Executor, execution: BlockExecution, lines: RaftLines, mempool: Mempool, maker: SnapshotMaker, watch: JoinWatch, votes: Votes, witness: Witness, mayLead: () => boolean, leadsInVain: () => boolean): Driver {
    const { config } = this.#settings
    const { logger } = this.#with
    const fatal = this.#failed
    const { recovered } = ledger
    const hardState = ledger.hardState()
    const log = new LedgerLogStore(ledger, (data) => executor.describe(data), () => maker.newestHeight)
    const { tickMs, electionTicks } = config.consensus
    const raft = new Raft({
      ...DEFAULT_RAFT_OPTIONS, id: config.node, configuration: configurationAtStart(readerOf(world.view()), config.dataDir), hardState, applied: executor.executedIndex,
      // What an earlier run refused is judged again: a program that was wrong and is mended must not stay stuck on a block the others committed. Sound refusals cost one execution.
      refusals: [], electionTicks, jitter: systemRandom.jitter(electionTicks),
    }, log)
    return new Driver({ ...DEFAULT_PROPOSER, tickMs, electionTicks, readTimeoutMs: 2 * tickMs * electionTicks }, {
      log, transport: lines, execution, votes, mayLead, leadsInVain, waiting: () => mempool.waiting, clock: this.#clock, random: systemRandom, logger,
      onRoleChange: ({ role, leader, term }) => {
        this.#leaderChanges++
        logger.info({ role, leader, term }, 'role changed')
      },
      onRefusal: ({ index, term, code, error }) => {
        logger.error({ index, term, code, error }, 'this node refuses a block')
        const entry = ledger.entry(index)
        if (entry?.hash !== undefined) witness.refused({ index, height: entry.height, block: entry.hash, code, data: entry.data })
      },
      onSnapshotOffer: () => watch.offered(),
      onFenced: ({ fence }) => {
        this.#mode = 'fenced'
        logger.error({ code: 'LEADER_FENCED', refusals: fence?.refusals.map(({ peer, index, code }) => ({ peer, index, code })) }, 'a majority refused this node\'s block; it will not lead again before a restart')
      },
      fatal,
    }, raft, { firstRead: recovered.bootCounter * 2 ** 32 + 1, applied: executor.executedIndex, hardState })
  }

  #createWitness(ledger: Ledger, executor: Executor, network: Network, evidence: EvidenceStore): Witness {
    const { logger } = this.#with
    return new Witness({
      evidence, source: new BlockSource(network.sync, []), headerAt: (height) => signedHeaderAt(ledger, height), signal: this.#stopping.signal, logger,
      onRefusedCertified: (refused, certificate) => { this.#explainRefusal(refused, certificate, executor, network).catch(this.#failed) },
      onDiverged: (own, certificate) => {
        const details = { height: Number(own.height), ours: toHex(own.block), certified: toHex(certificate.content.block), attestedBy: certificate.signatures.map(({ node }) => node) }
        this.#standAside(new SteleError({ code: 'NODE_DIVERGED', message: 'the cluster has certified another block than the one this node committed', details }))
      },
    })
  }

  /** The others have certified what this node refused: it names where it differs, and takes no part any more. */
  async #explainRefusal({ height, code, data }: RefusedBlock, certificate: Certificate, executor: Executor, network: Network): Promise<void> {
    const attesters = certificate.signatures.map(({ node }) => node)
    const writes = executor.trace(data)
    let difference: FirstDifference | undefined
    for (const node of writes === undefined ? [] : attesters) {
      try {
        difference = await firstDifference(writes!, node, network.sync, this.#stopping.signal)
        break
      } catch (error) {
        // One that cannot be reached, or answers nonsense: the next one is asked.
        if (!(error instanceof SteleError)) throw error
        this.#with.logger.warn({ code: error.code, node, height }, 'a member could not tell where this node differs')
      }
    }
    this.#standAside(new SteleError({ code: 'BLOCK_CERTIFIED_ELSEWHERE', message: 'the cluster has certified a block that this node refuses', details: { height, refusedFor: code, attestedBy: attesters, ...difference } }))
  }

  /** Ends this node's part in consensus at once: nothing more is voted, acknowledged, attested or relayed. */
  #standAside(error: SteleError): void {
    if (this.#damageTold) return
    this.#damageTold = true
    const { height, position, transaction, key } = error.details
    this.#enterRepair(`${error.code}: height ${String(height)}${key === undefined ? '' : `, transaction ${String(transaction ?? position)}, key ${String(key)}`}: ${error.message}`)
    this.#with.logger.error({ code: error.code, ...error.details }, error.message)
    this.#parts?.driver.stop()
    this.#parts?.finality.stop()
    this.#parts?.relay.stop()
    const tell = this.#with.damaged ?? this.#with.fatal
    tell(error)
  }

  #blockCommitted(block: ExecutedBlock): void {
    this.#finalWaitsSinceMs ??= this.#clock.monotonicMs()
    this.parts.versions.look(block.rules.activations, block.height)
    if (this.parts.rules.follow(block)) {
      const nodes = this.parts.keeper.follow(block)
      this.#with.logger.info({ height: block.height, voters: this.parts.rules.members.voters.map(({ node }) => node), nodes: nodes.map(({ node }) => node) }, 'the members or parameters of the chain changed')
    }
    this.parts.finality.committed(contentOf(block))
    for (const listener of this.#committed) listener(block)
  }

  #blocksFinal(height: number): void {
    const { book, executor } = this.parts
    this.#finalWaitsSinceMs = height >= executor.tip.height ? undefined : this.#clock.monotonicMs()
    book.final(height)
    this.parts.maker.certify()
    for (const listener of this.#final) listener(height)
  }

  #presenceReceived(from: number, bytes: Uint8Array): void {
    try {
      this.parts.presence.heard(from, decodePresence(bytes))
    } catch (error) {
      if (!(error instanceof SteleError)) throw error
      this.parts.lines.blame(from)
    }
  }

  #attestationReceived(from: number, bytes: Uint8Array): void {
    this.parts.finality.receive(bytes).then((verdict) => {
      if (verdict !== 'reject') return
      this.#with.logger.warn({ from }, 'attestation rejected')
      this.parts.lines.reject(from, 'attestation')
    }, this.#failed)
  }

  #voteReceived(from: number, bytes: Uint8Array): void {
    if (this.parts.votes.receive(from, bytes) === 'reject') this.parts.lines.reject(from, 'vote')
  }

  async #readFreeBytes(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#settings.config.dataDir)
    this.#freeBytes = bavail * bsize
  }

  async #readDisk(): Promise<void> {
    await this.#readFreeBytes()
    this.#databaseBytes = await folderBytes(join(this.#settings.config.dataDir, 'state'))
    this.#ledgerBytes = await folderBytes(join(this.#settings.config.dataDir, 'ledger'))
  }
}

/** Bytes of the files in a folder; files that go meanwhile (LevelDB compacts) do not count. */
async function folderBytes(folder: string): Promise<number> {
  const sizes = await Promise.allSettled((await readdir(folder)).map((name) => stat(join(folder, name))))
  return sizes.reduce((sum, size) => sum + (size.status === 'fulfilled' ? size.value.size : 0), 0)
}

/** The attestation content of a committed block. */
export function contentOf({ header, hash }: Pick<ExecutedBlock, 'header' | 'hash'>): AttestationContent {
  return { v: 1, epoch: header.epoch, height: header.height, term: header.term, block: hash, stateRoot: header.stateRoot, memberSet: header.memberSet }
}

function tailOf(ledger: Ledger, appliedIndex: number): ReturnType<typeof toRaftEntry>[] {
  return ledger.entries(appliedIndex + 1, ledger.lastIndex() + 1, Number.MAX_SAFE_INTEGER).map(toRaftEntry)
}

/** Keys under which a node's vote counts: as a voter now or before, or as the ledger names it while it becomes one. */
function votingKeys(rules: ChainRules, world: WorldState, node: number): readonly Uint8Array[] {
  const named = readNode(readerOf(world.view()), node)
  return [...rules.keysOf(node), ...(named === undefined ? [] : [named.attestationKey])]
}
