import { DEFAULT_RAFT_OPTIONS } from '../../consensus/core/config.ts'
import type { RaftOptions } from '../../consensus/core/config.ts'
import type { Input, StepRefusal } from '../../consensus/core/effects.ts'
import type { Entry } from '../../consensus/core/message.ts'
import { Raft } from '../../consensus/core/raft.ts'
import { Driver } from '../../consensus/driver.ts'
import { Finality } from '../../consensus/finality.ts'
import { Mempool } from '../../consensus/mempool.ts'
import type { LogBatch } from '../../consensus/ports.ts'
import { ChainRules } from '../../node/chain-rules.ts'
import { LedgerLogStore, toRaftEntry } from '../../node/log-store.ts'
import { maySettle } from '../../node/node-roster.ts'
import { pastOf } from '../../node/snapshot-join.ts'
import { attestationBytes, attestationSchema, certificateSchema } from '../../primitives/certificate.ts'
import type { AttestationContent } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { DEFAULT_PARAMETERS } from '../../primitives/genesis.ts'
import { certificateQuorum, memberSetHash } from '../../primitives/member-set.ts'
import { silentLogger } from '../../primitives/ports.ts'
import type { Clock, Random, Timers } from '../../primitives/ports.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { LedgerCollaborators, LedgerOptions } from '../../state/ledger-options.ts'
import type { StoredCertificate } from '../../state/ledger-record.ts'
import type { Ledger } from '../../state/ledger.ts'
import { SeededRandom } from '../helpers/raft-random.ts'
import { SimDisk } from './disk.ts'
import type { Plan } from './faults.ts'
import type { Invariants } from './invariants.ts'
import { CHAIN, simSigner, simVerify } from './keys.ts'
import type { SimNetwork } from './network.ts'
import { openRepaired, serveRepair } from './sim-repair.ts'
import type { Life, Scheduler } from './scheduler.ts'
import { SimBlockReader } from './sim-block.ts'
import type { SimBlock } from './sim-block.ts'
import { SimDatabase, SimExecutor } from './sim-executor.ts'
import type { CommittedState, ExecutedSimBlock } from './sim-executor.ts'
import type { SimMembers } from './sim-members.ts'
import { JOIN_DIRECTORY, adoptState, fetchSnapshot, makeSnapshot, stageLedger } from './sim-snapshot.ts'

/**
 * `unborn`: a machine that no decision has given a part yet; `removed`: one that a decision has taken it from. `gone`: what it promised can no longer be known, so it must never speak again under
 * its id. `halted`: it stopped by itself to do no harm.
 */
export type NodeState = 'unborn' | 'down' | 'opening' | 'repair' | 'up' | 'gone' | 'halted' | 'removed'

/** What all nodes of a simulation share. */
export interface SimWorld {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly invariants: Invariants
  readonly reader: SimBlockReader
  /** Every machine, those included that have no part yet. */
  readonly nodes: readonly number[]
  readonly genesis: SimMembers
  /** Blocks from one snapshot to the next (0: none), and those that pruning leaves. */
  readonly snapshotBlocks: number
  /** Newest blocks that pruning leaves; Infinity: nothing is pruned. */
  keepBlocks: number
  readonly raft: Partial<RaftOptions>
  readonly tickMs: number
  readonly proposer: Plan['proposer']
  readonly segmentBytes: number
  readonly liar: number
  readonly find: (node: number) => SimNode
}

const START_MS = 1_700_000_000_000
const FLUSH_US = 50_000
/** Newest committed blocks that are told to finality again after a start. */
const RECALLED_BLOCKS = 100

/** `lookedAt`: the step of the core after which the invariants last looked. */
interface Parts { lookedAt: number; readonly ledger: Ledger; readonly raft: CountedRaft; readonly driver: Driver; readonly mempool: Mempool; readonly finality: Finality; readonly executor: SimExecutor; readonly rules: ChainRules }

/** One node of the cluster: disk and database that stay, and the process of the present life, made of production parts. */
export class SimNode {
  readonly id: number
  readonly disk: SimDisk
  readonly database: SimDatabase
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
  /** Times it took a snapshot in place of a longer replay. */
  joins = 0
  readonly #world: SimWorld
  readonly #random: SeededRandom
  readonly #executorClass: typeof SimExecutor
  /** The leader no longer has what comes next here. */
  #needsSnapshot = false
  /** Committed states at snapshot heights that are not proved final yet, ascending. */
  #waitingSnapshots: CommittedState[] = []
  /** Transactions its clients wait for. */
  readonly #waitedFor = new Set<number>()

  constructor(id: number, world: SimWorld, seed: number, executorClass: typeof SimExecutor | undefined) {
    this.id = id
    this.#world = world
    this.#random = new SeededRandom(seed)
    this.disk = new SimDisk(world.scheduler, seed ^ 0x5eed)
    this.#executorClass = executorClass ?? SimExecutor
    this.database = new SimDatabase(world.genesis)
    if (!world.genesis.nodes.includes(id)) this.state = 'unborn'
  }

  /** The operator of a node that was added starts it for the first time. */
  beBorn(): void {
    if (this.state !== 'unborn') return
    this.state = 'down'
    this.start()
  }

  /** The operator of a node that was removed stops it for good. */
  retire(): void {
    this.crash(false)
    this.state = 'removed'
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

  /** Cuts its power and harms a file of its ledger; false when it was not running. */
  spoil(how: 'gone' | 'zeroed' | 'cut', which: number): boolean {
    if (this.life === undefined) return false
    this.crash(true)
    this.harmed = this.disk.spoil(how, which) || this.harmed
    return true
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
    const options = { directory: '/ledger', chainId: CHAIN, segmentBytes: world.segmentBytes, queueBytesMax: 1 << 24, cacheBytesMax: 1 << 20 }
    const collaborators = { fileSystem, timers: { set: timers.after }, logger: silentLogger, random, failed, damaged: failed }
    const open = (): Promise<Ledger> => openRepaired(() => openLedger(options, collaborators), { node: this.id, life, world, rules: this.#rules(), onRepair: () => this.#inRepair(life) })
    let ledger = await open()
    if (this.#needsSnapshot) {
      await this.#join(life, ledger, options, collaborators)
      ledger = await open()
    }
    if (!life.alive) return
    this.#compose(life, ledger, timers, random, failed)
    invariants.started(this.id, ledger, ledger.hardState(), this.harmed, this.disk.counts.flips > 0)
    scheduler.mix(ledger.lastIndex())
  }

  /** As a node that was told to join: with a snapshot if somebody has one, else with what it has. */
  async #join(life: Life, ledger: Ledger, options: LedgerOptions, collaborators: LedgerCollaborators): Promise<void> {
    const snapshot = await fetchSnapshot(pastOf(ledger), this.id, life, this.#world)
    if (snapshot !== undefined) await stageLedger(snapshot, ledger, options, collaborators)
    await ledger.close()
    if (!life.alive) return
    this.#needsSnapshot = false
    if (snapshot === undefined) return
    this.disk.replaceDirectory(JOIN_DIRECTORY, options.directory)
    adoptState(this.database, snapshot)
    this.joins++
  }

  #rules(): ChainRules {
    const rules = new ChainRules(CHAIN, this.#world.genesis.set, DEFAULT_PARAMETERS)
    rules.load(this.database.members.reader)
    return rules
  }

  #inRepair(life: Life): void {
    if (!life.alive || this.state === 'repair') return
    this.state = 'repair'
    this.repairs++
    const { flips, lies, strays, spoilt } = this.disk.counts
    if (flips + lies + strays + spoilt === 0) this.#world.invariants.fail('only a damaged disk leads into repair', { node: this.id })
  }

  #compose(life: Life, ledger: Ledger, timers: Timers, random: Random, failed: (error: unknown) => void): void {
    const world = this.#world
    const { invariants, network } = world
    const others = world.nodes.filter((id) => id !== this.id)
    const mempool = new Mempool()
    const clock = this.#clock()
    // As the gate of a member: it hears the nodes that its state names, and whoever it likes while that does not name itself yet.
    const admits = (from: number): boolean => executor.members.nodes.includes(from) || !executor.members.nodes.includes(this.id)
    const transport = network.attach(life, others, admits, (_from, bytes) => { finality.receive(bytes).catch(failed) })
    const rules = this.#rules()
    const executor = new this.#executorClass(this.id, {
      database: this.database, mempool, reader: world.reader, clock, timers,
      onExecuted: (entry) => invariants.executed(this.id, entry),
      onCommitted: (_index, entry, block) => this.#committed(entry, block, finality, rules),
      onLeaderAhead: () => driver.forgetLeader(),
      maySettle: (step) => maySettle(step, { driver, finality, ledger, executor: { tip: { timeMs: BigInt(executor.tipTimeMs) } }, clock, rules } as unknown as Parameters<typeof maySettle>[1]),
      nodesMax: world.nodes.length, snapshotBlocks: world.snapshotBlocks, onSnapshotHeight: (state) => { this.#waitingSnapshots.push(state) },
    })
    const finality = this.#createFinality(ledger, transport, timers, failed, rules)
    const hardState = ledger.hardState()
    const log = new WatchedLogStore(ledger, (data) => this.#describe(data), this.id, invariants, life, () => this.database.snapshot?.state.height ?? 0)
    const options = { ...DEFAULT_RAFT_OPTIONS, ...world.raft }
    const raft = new CountedRaft({ ...options, id: this.id, configuration: this.database.members.startConfiguration, hardState, applied: this.database.appliedIndex, refusals: ledger.recovered.refusals, jitter: random.jitter(options.electionTicks) }, log)
    const driver = new Driver({ ...world.proposer, tickMs: world.tickMs, electionTicks: options.electionTicks, readTimeoutMs: 2 * world.tickMs * options.electionTicks }, {
      log, transport, execution: executor, waiting: () => mempool.waiting, clock, random, timers, logger: silentLogger,
      onRoleChange: () => undefined, onRefusal: () => undefined, onFenced: () => undefined, fatal: failed,
      leadsInVain: () => !rules.members.voters.some(({ node }) => node === this.id),
      onSnapshotOffer: () => this.#takeSnapshot(life),
    }, raft, { firstRead: ledger.recovered.bootCounter * 2 ** 32 + 1, applied: this.database.appliedIndex, hardState })
    serveRepair(this.id, world, ledger, () => driver.status.committedIndex)
    this.parts = { lookedAt: -1, ledger, raft, driver, mempool, finality, executor, rules }
    this.#waitingSnapshots = []
    this.state = 'up'
    timers.every(() => executor.flush(), FLUSH_US / 1000)
    timers.every(() => this.#repeatAttestation(transport), 2000)
    timers.every(() => this.#pursueChange(life, transport), 1000)
    if (world.snapshotBlocks > 0) timers.every(() => this.#keepSnapshot(ledger, finality, rules, failed), 700)
    this.#recallCommitted(ledger, finality, rules)
    const applied = this.database.appliedIndex
    driver.start(ledger.lastIndex() > applied ? ledger.entries(applied + 1, ledger.lastIndex() + 1, Number.MAX_SAFE_INTEGER).map(toRaftEntry) : [])
  }

  #createFinality(ledger: Ledger, transport: { broadcast(attestation: Uint8Array): void }, timers: Timers, failed: (error: unknown) => void, rules: ChainRules): Finality {
    const { invariants } = this.#world
    const last = ledger.lastAttestation()
    const certificate = ledger.newestCertificate()
    return new Finality({
      chain: CHAIN, sets: rules, node: this.id, signer: simSigner(this.id), attestedFloor: last?.height ?? 0,
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

  /** The leader has pruned what comes next here: the process ends, and the next one begins with a snapshot. */
  #takeSnapshot(life: Life): void {
    this.#world.scheduler.schedule(0, life, () => {
      this.#needsSnapshot = true
      this.crash(false)
      this.start()
    })
  }

  /** Proves the newest snapshot that can be proved, and prunes below an older one that leaves enough. */
  #keepSnapshot(ledger: Ledger, finality: Finality, rules: ChainRules, failed: (error: unknown) => void): void {
    const { reader, keepBlocks } = this.#world
    const ready = this.#waitingSnapshots.filter(({ height }) => height <= Math.min(finality.finalHeight, this.database.height))
    if (ready.length > 0) {
      this.#waitingSnapshots = this.#waitingSnapshots.slice(ready.length)
      this.database.snapshot = makeSnapshot(ready.at(-1)!, ledger, rules, this.database.snapshot, (data) => reader.read(data)!.block.parent) ?? this.database.snapshot
    }
    const snapshot = this.database.snapshot
    if (snapshot === undefined || snapshot.state.height > this.database.height - keepBlocks || snapshot.state.appliedIndex > Math.min(ledger.hardState().commit, ledger.storedLastIndex())) return
    ledger.prune(snapshot.state.appliedIndex).catch(failed)
  }

  /** What was committed before the start and is not final yet is attested like everything else (SteleNode does the same). */
  #recallCommitted(ledger: Ledger, finality: Finality, rules: ChainRules): void {
    const { height: newest } = this.database
    const first = Math.max(finality.finalHeight + 1, newest - RECALLED_BLOCKS)
    const changes = rules.changeHeights.filter((height) => height > finality.finalHeight && height < first)
    for (const height of [...changes, ...Array.from({ length: Math.max(0, newest - first + 1) }, (_, i) => first + i)]) {
      const index = ledger.indexOfHeight(height)
      const entry = index === undefined ? undefined : ledger.entry(index)
      const read = entry === undefined ? undefined : this.#world.reader.read(entry.data)
      if (read !== undefined) finality.committed(contentOf(read.block, read.hash, memberSetHash(CHAIN, rules.membersAt(height))))
    }
  }

  /** Nothing above a change of voters is final before the change is: who lacks its certificate asks for it, and says its own word again (as `CertificatePursuit`). */
  #pursueChange(life: Life, transport: { broadcast(attestation: Uint8Array): void }): void {
    const { parts } = this
    const height = parts?.finality.uncertifiedChange
    if (parts === undefined || height === undefined) return
    const own = parts.finality.repeatChange()
    if (own !== undefined) transport.broadcast(own)
    const { network, find } = this.#world
    for (const peer of parts.executor.members.nodes) {
      if (peer !== this.id) network.call(life, peer, () => find(peer).certificateOfChange(height), (found) => this.#adoptCertificate(parts, height, found?.bytes))
    }
  }

  /** As a member serves it: from the ledger, or from what its newest snapshot proves. */
  certificateOfChange(height: number): StoredCertificate | undefined {
    const stored = this.parts?.ledger.certificateCovering(height)
    return stored?.height === height ? stored : this.database.snapshot?.changes.find((change) => change.height === height)
  }

  #adoptCertificate({ finality, rules }: Parts, height: number, bytes: Uint8Array | undefined): void {
    const certificate = bytes === undefined ? undefined : decode(certificateSchema, bytes)
    if (certificate === undefined || Number(certificate.content.height) !== height || height <= finality.finalHeight) return
    const { voters } = rules.membersAt(height)
    const message = attestationBytes(CHAIN, certificate.content)
    const valid = certificate.signatures.filter(({ node, signature }) => voters.some((voter) => voter.node === node && simVerify({ publicKey: voter.attestationKey, message, signature })))
    if (valid.length >= certificateQuorum(voters.length)) finality.adopt(certificate)
  }

  #committed(entry: Entry, executed: ExecutedSimBlock | undefined, finality: Finality, rules: ChainRules): void {
    const { invariants } = this.#world
    invariants.applied(this.id, entry, executed)
    if (executed === undefined) return
    const { block, hash, members, change } = executed
    const { memberSet } = rules
    if (change !== undefined) rules.load(members.reader)
    finality.committed(contentOf(block, hash, memberSet))
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
    const after = (callback: () => void, delayMs: number): (() => void) => {
      const event = scheduler.schedule(Math.max(delayMs, 1) * 1000, life, callback)
      return () => { event.cancelled = true }
    }
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

function contentOf(block: SimBlock, hash: Uint8Array, memberSet: Uint8Array): AttestationContent {
  return { v: 1, epoch: 0, height: BigInt(block.height), term: block.term, block: hash, stateRoot: block.root, memberSet }
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

  constructor(ledger: Ledger, describe: ConstructorParameters<typeof LedgerLogStore>[1], node: number, invariants: Invariants, life: Life, newestSnapshot: () => number) {
    super(ledger, describe, newestSnapshot)
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

