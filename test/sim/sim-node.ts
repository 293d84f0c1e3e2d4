import { DEFAULT_RAFT_OPTIONS } from '../../consensus/core/config.ts'
import type { RaftOptions } from '../../consensus/core/config.ts'
import type { Input, StepRefusal } from '../../consensus/core/effects.ts'
import type { Entry } from '../../consensus/core/message.ts'
import { Raft } from '../../consensus/core/raft.ts'
import { configurationOf } from '../../consensus/core/reconfiguration.ts'
import { Driver } from '../../consensus/driver.ts'
import { Finality } from '../../consensus/finality.ts'
import { Mempool } from '../../consensus/mempool.ts'
import type { LogBatch } from '../../consensus/ports.ts'
import { LedgerLogStore, toRaftEntry } from '../../node/log-store.ts'
import { equalBytes } from '../../primitives/bytes.ts'
import { attestationSchema, certificateSchema } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import { silentLogger } from '../../primitives/ports.ts'
import type { Clock, Random, Timers } from '../../primitives/ports.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { Ledger } from '../../state/ledger.ts'
import { SeededRandom } from '../helpers/raft-random.ts'
import { SimDisk } from './disk.ts'
import type { Plan } from './faults.ts'
import type { Invariants } from './invariants.ts'
import { CHAIN, memberSetOf, simSigner, simVerify } from './keys.ts'
import type { SimNetwork } from './network.ts'
import { openRepaired, serveRepair } from './sim-repair.ts'
import type { Life, Scheduler } from './scheduler.ts'
import { SimBlockReader } from './sim-block.ts'
import { SimDatabase, SimExecutor } from './sim-executor.ts'
import type { ExecutedSimBlock } from './sim-executor.ts'

/** `gone`: what it promised can no longer be known, so it must never speak again under its id. `halted`: it stopped by itself to do no harm. */
export type NodeState = 'down' | 'opening' | 'repair' | 'up' | 'gone' | 'halted'

/** What all nodes of a simulation share. */
export interface SimWorld {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly invariants: Invariants
  readonly reader: SimBlockReader
  readonly nodes: readonly number[]
  readonly raft: Partial<RaftOptions>
  readonly tickMs: number
  readonly proposer: Plan['proposer']
  readonly segmentBytes: number
  readonly liar: number
  readonly find: (node: number) => SimNode
}

const START_MS = 1_700_000_000_000
const FLUSH_US = 50_000

/** `lookedAt`: the step of the core after which the invariants last looked. */
interface Parts { lookedAt: number; readonly ledger: Ledger; readonly raft: CountedRaft; readonly driver: Driver; readonly mempool: Mempool; readonly finality: Finality; readonly executor: SimExecutor }

/** One node of the cluster: disk and database that stay, and the process of the present life, made of production parts. */
export class SimNode {
  readonly id: number
  readonly disk: SimDisk
  readonly database = new SimDatabase()
  state: NodeState = 'down'
  life: Life | undefined
  parts: Parts | undefined
  starts = 0
  /** Added to this node's wall clock, and its rate. */
  clockOffsetMs = 0
  clockRate = 1
  /** True while it must stay down. */
  held = false
  /** Why it halted. */
  reason = ''
  evidence = 0
  /** Times it went into repair mode. */
  repairs = 0
  /** True once a storage fault took back what it had called durable. */
  harmed = false
  readonly #world: SimWorld
  readonly #random: SeededRandom
  readonly #executorClass: typeof SimExecutor
  readonly #memberSet: Uint8Array
  /** Transactions its clients wait for. */
  readonly #waitedFor = new Set<number>()

  constructor(id: number, world: SimWorld, seed: number, executorClass: typeof SimExecutor | undefined) {
    this.id = id
    this.#world = world
    this.#random = new SeededRandom(seed)
    this.disk = new SimDisk(world.scheduler, seed ^ 0x5eed)
    this.#executorClass = executorClass ?? SimExecutor
    this.#memberSet = memberSetHash(CHAIN, memberSetOf(world.nodes))
  }

  start(): void {
    if (this.state !== 'down' || this.held) return
    const life: Life = { node: this.id, alive: true, pausedUntil: 0 }
    this.life = life
    this.state = 'opening'
    this.starts++
    this.#open(life).catch((error: unknown) => { if (life.alive) this.#failed(life, error) })
  }

  /** Ends the process at once. `power`: the machine too, so what was not synced is at risk. */
  crash(power: boolean): void {
    if (this.life === undefined) return
    this.life.alive = false
    this.life = undefined
    this.parts = undefined
    if (power) this.harmed = this.disk.powerCut() || this.harmed
    else this.disk.kill()
    if (this.state === 'opening' || this.state === 'up' || this.state === 'repair') this.state = 'down'
    this.#world.network.ended(this.id)
  }

  pause(untilUs: number): void {
    if (this.life !== undefined) this.life.pausedUntil = untilUs
  }

  /** A client sends a transaction here; `waits` when it wants to hear that it is committed. False when the node cannot take it now. */
  submit(transaction: number, waits: boolean): boolean {
    const { parts, life } = this
    if (parts === undefined || life === undefined || life.pausedUntil > this.#world.scheduler.nowUs) return false
    if (waits) this.#waitedFor.add(transaction)
    const key = String(transaction)
    if (parts.executor.has(transaction) || parts.mempool.has(key)) return true
    try {
      parts.mempool.add({ key, bytes: new Uint8Array(8), body: { validUntil: 2n ** 62n } } as unknown as Transaction)
    } catch (error) {
      if (errorCode(error) === 'CONSENSUS_BUSY') return false
      throw error
    }
    parts.driver.kick()
    return true
  }

  /** Asks for a linearizable read. */
  read(): void {
    const { parts, life } = this
    if (parts === undefined || life === undefined) return
    const floor = this.#world.invariants.committedIndex
    parts.driver.readIndex().then(
      (index) => { if (life.alive) this.#world.invariants.readServed(this.id, floor, index) },
      (error: unknown) => { if (errorCode(error) !== 'NO_LEADER' && errorCode(error) !== 'NODE_STOPPING') this.#failed(life, error) },
    )
  }

  async #open(life: Life): Promise<void> {
    const world = this.#world
    const { invariants, scheduler } = world
    const timers = this.#timers(life)
    const random = this.#randomPort()
    const fileSystem = this.disk.attach(life, () => this.crash(true))
    const failed = (error: unknown): void => { if (life.alive) this.#failed(life, error) }
    const open = (): ReturnType<typeof openLedger> => openLedger(
      { directory: '/ledger', chainId: CHAIN, segmentBytes: world.segmentBytes, queueBytesMax: 1 << 24, cacheBytesMax: 1 << 20 },
      { fileSystem, timers: { set: timers.after }, logger: silentLogger, random, failed, damaged: failed },
    )
    const ledger = await openRepaired(open, { node: this.id, life, world, onRepair: () => this.#inRepair(life) })
    if (!life.alive) return
    this.#compose(life, ledger, timers, random, failed)
    invariants.started(this.id, ledger, ledger.hardState(), this.harmed)
    scheduler.mix(ledger.lastIndex())
  }

  #inRepair(life: Life): void {
    if (!life.alive || this.state === 'repair') return
    this.state = 'repair'
    this.repairs++
  }

  #compose(life: Life, ledger: Ledger, timers: Timers, random: Random, failed: (error: unknown) => void): void {
    const world = this.#world
    const { invariants, network } = world
    const others = world.nodes.filter((id) => id !== this.id)
    const mempool = new Mempool()
    const clock = this.#clock()
    const transport = network.attach(life, others, (_from, bytes) => { finality.receive(bytes).catch(failed) })
    const executor = new this.#executorClass(this.id, {
      database: this.database, mempool, reader: world.reader, clock, timers,
      onExecuted: (entry) => invariants.executed(this.id, entry),
      onCommitted: (_index, entry, block) => this.#committed(entry, block, finality),
      onLeaderAhead: () => driver.forgetLeader(),
    })
    const finality = this.#createFinality(ledger, transport, timers, failed)
    const hardState = ledger.hardState()
    const log = new WatchedLogStore(ledger, (data) => this.#describe(data), this.id, invariants, life)
    const options = { ...DEFAULT_RAFT_OPTIONS, ...world.raft }
    const raft = new CountedRaft({ ...options, id: this.id, configuration: configurationOf(world.nodes), hardState, applied: this.database.appliedIndex, refusals: ledger.recovered.refusals, jitter: random.jitter(options.electionTicks) }, log)
    const driver = new Driver({ ...world.proposer, tickMs: world.tickMs, electionTicks: options.electionTicks, readTimeoutMs: 2 * world.tickMs * options.electionTicks }, {
      log, transport, execution: executor, waiting: () => mempool.waiting, clock, random, timers, logger: silentLogger,
      onRoleChange: () => undefined, onRefusal: () => undefined, onFenced: () => undefined, fatal: failed,
    }, raft, { firstRead: ledger.recovered.bootCounter * 2 ** 32 + 1, applied: this.database.appliedIndex, hardState })
    serveRepair(this.id, world, ledger, () => driver.status.committedIndex)
    this.parts = { lookedAt: -1, ledger, raft, driver, mempool, finality, executor }
    this.state = 'up'
    timers.every(() => executor.flush(), FLUSH_US / 1000)
    timers.every(() => this.#repeatAttestation(transport), 2000)
    const applied = this.database.appliedIndex
    driver.start(ledger.lastIndex() > applied ? ledger.entries(applied + 1, ledger.lastIndex() + 1, Number.MAX_SAFE_INTEGER).map(toRaftEntry) : [])
  }

  #createFinality(ledger: Ledger, transport: { broadcast(attestation: Uint8Array): void }, timers: Timers, failed: (error: unknown) => void): Finality {
    const { invariants, nodes } = this.#world
    const set = memberSetOf(nodes)
    const sets = { membersAt: () => set, isSetOf: (_height: bigint, hash: Uint8Array) => equalBytes(hash, this.#memberSet), changeHeights: [] }
    const last = ledger.lastAttestation()
    const certificate = ledger.newestCertificate()
    return new Finality({
      chain: CHAIN, sets, node: this.id, signer: simSigner(this.id), attestedFloor: last?.height ?? 0,
      lastAttested: last?.bytes === undefined ? undefined : decode(attestationSchema, last.bytes),
      newestCertificate: certificate === undefined ? undefined : decode(certificateSchema, certificate.bytes),
    }, {
      persistAttestation: (bytes, height) => ledger.append({ attestation: { epoch: 0, height, bytes } }),
      broadcast: (bytes) => transport.broadcast(bytes),
      verifyBatch: (items) => Promise.resolve(items.map(simVerify)),
      onCertificate: (made) => {
        ledger.appendLazy({ certificate: { height: Number(made.content.height), bytes: encode(certificateSchema, made) } })
        invariants.certified(this.id, made)
      },
      onEvidence: () => { this.evidence++ },
      onFailure: failed, logger: silentLogger, timers,
    })
  }

  /** Whoever connects again gets the newest attestation (SteleNode does it on each connection). */
  #repeatAttestation(transport: { broadcast(attestation: Uint8Array): void }): void {
    const last = this.parts?.finality.repeat()
    if (last !== undefined) transport.broadcast(last)
  }

  #committed(entry: Entry, executed: ExecutedSimBlock | undefined, finality: Finality): void {
    const { invariants } = this.#world
    invariants.applied(this.id, entry, executed)
    if (executed === undefined) return
    const { block, hash } = executed
    finality.committed({ v: 1, epoch: 0, height: BigInt(block.height), term: block.term, block: hash, stateRoot: block.root, memberSet: this.#memberSet })
    for (const transaction of block.transactions) if (this.#waitedFor.delete(transaction)) invariants.acknowledged.set(transaction, block.height)
  }

  #describe(data: Uint8Array): { readonly height: number; readonly hash: Uint8Array } | undefined {
    if (data.length === 0) return undefined
    const read = this.#world.reader.read(data)
    return read === undefined ? undefined : { height: read.block.height, hash: read.hash }
  }

  /** What the composition root does about it: a failed disk or damage ends the process, which starts again; anything else is a bug. */
  #failed(life: Life, error: unknown): void {
    if (!life.alive) return
    const code = errorCode(error)
    const { scheduler, invariants, liar } = this.#world
    if (code === 'LEDGER_UNREPAIRABLE') {
      this.crash(false)
      this.state = 'gone'
      if (!this.harmed && this.disk.counts.flips === 0) invariants.fail('only a damaged disk makes a ledger unrepairable', { node: this.id, error: told(error) })
      return
    }
    if (code === 'LEDGER_WRITE_FAILED' || code === 'LEDGER_DAMAGED') {
      if (code === 'LEDGER_DAMAGED' && !this.harmed && this.disk.counts.flips + this.disk.counts.lies + this.disk.counts.strays === 0) invariants.fail('only a damaged disk gives a damaged ledger', { node: this.id, error: told(error) })
      this.crash(false)
      scheduler.schedule(1_000_000, undefined, () => this.start())
      return
    }
    if (liar !== 0 && (code === 'INVARIANT_BROKEN' || code === 'ATTESTATION_CONFLICT')) {
      this.crash(false)
      this.reason = told(error)
      if (this.id === liar) scheduler.schedule(1_000_000, undefined, () => this.start())
      else this.state = 'halted'
      return
    }
    invariants.fail('a node ends by itself only for a reason that the design names', { node: this.id, error: told(error) })
  }

  #clock(): Clock {
    const { scheduler } = this.#world
    return { nowMs: () => Math.floor(START_MS + (scheduler.nowUs / 1000) * this.clockRate + this.clockOffsetMs), monotonicMs: () => scheduler.nowUs / 1000 }
  }

  #randomPort(): Random {
    return {
      bytes: (length) => Uint8Array.from({ length }, () => this.#random.below(256)),
      jitter: (below) => (below <= 1 ? 0 : this.#random.below(below)),
    }
  }

  #timers(life: Life): Timers {
    const { scheduler } = this.#world
    // As Node's timers: never sooner than a millisecond.
    const after = (callback: () => void, delayMs: number): (() => void) => scheduler.schedule(Math.max(delayMs, 1) * 1000, life, callback)
    const every = (callback: () => void, intervalMs: number): (() => void) => {
      let cancel = after(repeat, intervalMs)
      function repeat(): void {
        cancel = after(repeat, intervalMs)
        callback()
      }
      return () => cancel()
    }
    return { after, every, soon: (callback) => { scheduler.schedule(10, life, callback) } }
  }
}

/** Says when there is something new to look at. */
class CountedRaft extends Raft {
  /** Steps of this life. */
  steps = 0

  override step(input: Input): StepRefusal | undefined {
    this.steps++
    return super.step(input)
  }
}

/** The ledger in consensus' words, with the invariants looking over its shoulder. */
class WatchedLogStore extends LedgerLogStore {
  readonly #node: number
  readonly #invariants: Invariants
  readonly #life: Life

  constructor(ledger: Ledger, describe: ConstructorParameters<typeof LedgerLogStore>[1], node: number, invariants: Invariants, life: Life) {
    super(ledger, describe)
    this.#node = node
    this.#invariants = invariants
    this.#life = life
  }

  override append(batch: LogBatch): Promise<void> {
    this.#invariants.appended(this.#node, batch)
    return super.append(batch).then(() => { if (this.#life.alive) this.#invariants.stored(this.#node, batch) })
  }
}

export function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const details = 'details' in error ? ` ${JSON.stringify(error.details, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))}` : ''
  return `${errorCode(error) ?? error.name}: ${error.message}${details}${error.cause === undefined ? '' : ` ← ${told(error.cause)}`}${errorCode(error) === undefined ? `\n${error.stack ?? ''}` : ''}`
}

