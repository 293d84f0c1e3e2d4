import { mkdir } from 'node:fs/promises'
import { readerOf } from '../contracts/index.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Clock } from '../primitives/ports.ts'
import { createSigner } from '../primitives/signature.ts'
import { signatureSelfTest } from '../primitives/signature-self-test.ts'
import { SnapshotFolder } from '../state/snapshot-folder.ts'
import { ArchiveShelf } from './archive-shelf.ts'
import { ChainFollower, recallCommitted } from './chain-follower.ts'
import type { ChainRules } from './chain-rules.ts'
import { tailOf } from './consensus-wiring.ts'
import { ContractVersions } from './contract-versions.ts'
import { DiskReadings } from './disk-readings.ts'
import { ended } from './ending.ts'
import type { ExecutedBlock } from './executed-block.ts'
import { Executor } from './executor.ts'
import { headerRules } from './genesis-file.ts'
import { snapshotsFolder } from './join-swap.ts'
import { ModeKeeper } from './mode-keeper.ts'
import { NodeGround } from './node-ground.ts'
import type { NodeCollaborators, NodeMode, NodeParts, NodeSettings } from './node-parts.ts'
import { OwnKeys } from './own-keys.ts'
import { servePeers } from './serve-peers.ts'
import { systemClock } from './system.ts'
import { TransactionReader } from './transaction-reader.ts'
import { VerifierPool } from './verifier.ts'
import { wireNode } from './wire-node.ts'
import type { WiringGround } from './wire-node.ts'

/** How often an idle node looks whether something it holds back has expired, in ms. */
const EXPIRY_LOOK_MS = 1_000

/** A node: opens what it keeps, has its parts wired, starts them in order and stops them in reverse. */
export class SteleNode {
  readonly #settings: NodeSettings
  readonly #with: NodeCollaborators
  readonly #clock: Clock
  readonly #executorClass: typeof Executor
  readonly #mode: ModeKeeper
  readonly #chain: ChainFollower
  readonly #disk: DiskReadings
  readonly #stopping = new AbortController()
  #parts: NodeParts | undefined
  #starting: Promise<void> | undefined
  #stopped = false
  #leaderChanges = 0
  #archives: ArchiveShelf | undefined
  #expiryTimer: NodeJS.Timeout | undefined

  /** `executorClass` is a seam for the test that plants a wrong write. */
  constructor(settings: NodeSettings, collaborators: NodeCollaborators, executorClass: typeof Executor = Executor) {
    const { logger, fatal, damaged, clock = systemClock } = collaborators
    this.#settings = settings
    this.#with = collaborators
    this.#clock = clock
    this.#executorClass = executorClass
    this.#mode = new ModeKeeper({ quiet: () => this.#quiet(), fatal, damaged, logger })
    this.#chain = new ChainFollower(() => this.parts, clock, logger)
    this.#disk = new DiskReadings(settings.config.dataDir)
  }

  get parts(): NodeParts {
    if (this.#parts === undefined) throw new SteleError({ code: 'NODE_NOT_STARTED', message: 'the node is not started' })
    return this.#parts
  }

  get mode(): NodeMode { return this.#mode.mode }
  /** Why the node is in repair mode, with the height; undefined in every other mode. */
  get repairReason(): string | undefined { return this.#mode.repairReason }
  get leaderChanges(): number { return this.#leaderChanges }
  get freeBytes(): number { return this.#disk.freeBytes }
  get databaseBytes(): number { return this.#disk.databaseBytes }
  get ledgerBytes(): number { return this.#disk.ledgerBytes }
  /** Age of the oldest committed block that is not final, in ms; 0 when there is none. */
  get finalityLagMs(): number { return this.#chain.finalityLagMs }

  /** Calls `listener` for each committed block, in order; returns how to end that. */
  onCommitted(listener: (block: ExecutedBlock) => void): () => void {
    return this.#chain.onCommitted(listener)
  }

  /** Calls `listener` with each new final height; returns how to end that. */
  onFinal(listener: (height: number) => void): () => void {
    return this.#chain.onFinal(listener)
  }

  /** Resolves once the node takes part; that is after the repair when its stores are damaged. Throws what opening them throws, and `NODE_STOPPING`. */
  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const { config } = this.#settings
    const { logger, rejoin } = this.#with
    signatureSelfTest()
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
    await this.#disk.readFree()
    const rules = headerRules(this.#settings.genesis)
    const snapshots = new SnapshotFolder(snapshotsFolder(config.dataDir), rules.chain)
    const ground = new NodeGround({ settings: this.#settings, collaborators: this.#with, rules, snapshots, mode: this.#mode, clock: this.#clock, signal: this.#stopping.signal })
    const justJoined = await ground.join()
    const parts = this.#parts = await wireNode(await this.#open(ground, rules, snapshots, justJoined), {
      onCommitted: (block) => this.#chain.committed(block), onFinal: (height) => this.#chain.final(height),
      onRoleChange: () => { this.#leaderChanges++ }, onFenced: () => this.#mode.enter('fenced'),
      standAside: (error) => this.#mode.standAside(error), halt: (reason) => this.#mode.halt(reason), failed: this.#mode.failed,
    })
    const { network, presence, relay, driver, ledger, world, watch, clocks, execution, pursuit } = parts
    await network.start()
    servePeers(parts, logger)
    pursuit.start()
    presence.start()
    relay.start()
    recallCommitted(parts)
    driver.start(ledger.lastIndex() > world.appliedIndex ? tailOf(ledger, world.appliedIndex) : [])
    if (rejoin !== undefined) watch.start(justJoined)
    await this.#disk.read()
    clocks.start()
    this.#expiryTimer = setInterval(() => { if (execution.releaseExpired()) driver.kick() }, EXPIRY_LOOK_MS).unref()
    this.#disk.start()
    if (this.#stopping.signal.aborted) return
    this.#mode.enter('normal')
    logger.info({ height: world.height, peer: network.host.peerId, listen: network.host.addresses() }, 'node started')
  }

  /** Opens the stores, and closes them again when the node may not take part from where they stand. */
  async #open(ground: NodeGround, rules: ChainRules, snapshots: SnapshotFolder, justJoined: boolean): Promise<WiringGround> {
    const { config, keys } = this.#settings
    const { logger, metrics } = this.#with
    const { registry } = ground
    const signer = createSigner(keys.attestation)
    const archives = this.#archives = await ArchiveShelf.open(config.dataDir, rules.chain, logger)
    const verifier = new VerifierPool({ threads: config.verifier.threads, batchMax: 256, verdictsMax: 65_536 })
    const reader = new TransactionReader(rules.chain, (items) => verifier.verifyUnseen(items))
    // Until the node takes part, damage is what opening itself looks for.
    const onDamaged = (error: unknown): void => { if (this.#parts !== undefined) this.#mode.failed(error) }
    const { ledger, world, ground: stores } = await ground.open({ executorClass: this.#executorClass, signer, verifier, reader, archives }, justJoined, onDamaged).catch(async (error: unknown) => {
      await verifier.stop()
      throw error
    })
    const ownKeys = new OwnKeys(config.node, keys)
    const versions = new ContractVersions(registry, logger)
    try {
      const { tip } = stores.executor
      registry.under(tip.rules.activations).requireAt(BigInt(tip.height + 1))
      versions.look(tip.rules.activations, tip.height)
      const standing = ownKeys.admit(readerOf(world.view()), { joins: config.p2p.peers !== undefined, formerly: rules.keysOf(config.node) })
      if (standing === 'ahead') logger.warn({ code: 'NODE_KEYS_AHEAD' }, 'the ledger here names other keys for this node; it follows without a vote until it has come to the vote that gave it these. If there was none, nobody lets it in: check `keystore`')
    } catch (error) {
      await Promise.all([verifier.stop(), ledger.close(), world.close()])
      archives.close()
      throw error
    }
    const network = await ground.network(metrics, readerOf(world.view()))
    return { ...stores, settings: this.#settings, collaborators: this.#with, rules, snapshots, ledger, world, network, routed: (nodes) => ground.routed(nodes), registry, versions, ownKeys, signer, verifier, reader, archives, clock: this.#clock, signal: this.#stopping.signal }
  }

  /** Says `stopping` from now on. */
  announceStop(): void {
    this.#mode.enter('stopping')
  }

  /** Before the start: the node is not to take part, and says why. */
  hold(reason: string): void {
    this.#mode.enterRepair(reason)
  }

  /** Stops in reverse order; everything acknowledged is on disk. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#mode.enter('stopping')
    // With a code: what the stop interrupts fails with it, and a failure without one would end the process as a broken invariant.
    this.#stopping.abort(new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true }))
    // A start under way ends with its own error, which its caller gets; here only its end matters.
    await this.#starting?.catch((error: unknown) => this.#with.logger.debug({ code: errorCode(error) }, 'the start was ended'))
    if (this.#parts === undefined) return
    const { driver, relay, finality, network, verifier, applier, world, ledger, maker, watch, clocks, keeper, pursuit, presence } = this.#parts
    this.#disk.stop()
    clearInterval(this.#expiryTimer)
    clocks.stop()
    watch.stop()
    // Writes go on without an election when a leader is stopped in order.
    if (await driver.handOver()) this.#with.logger.info({}, 'the leadership was handed over')
    keeper.stop()
    relay.stop()
    pursuit.stop()
    const { logger } = this.#with
    await ended('presence', presence.stop(), logger)
    driver.stop()
    finality.stop()
    await ended('network', network.stop(), logger)
    await ended('applier', applier.settled(), logger)
    await ended('snapshots', maker.stop(), logger)
    await ended('verifier', verifier.stop(), logger)
    await ended('ledger', ledger.close(), logger)
    await ended('state', world.close(), logger)
    this.#archives?.close()
    logger.info({}, 'node stopped')
  }

  /** At once: nothing more is voted, acknowledged, attested or relayed. */
  #quiet(): void {
    this.#parts?.driver.stop()
    this.#parts?.finality.stop()
    this.#parts?.relay.stop()
  }
}
