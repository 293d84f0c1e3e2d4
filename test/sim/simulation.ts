import { certificateQuorum } from '../../primitives/member-set.ts'
import { SeededRandom } from '../helpers/raft-random.ts'
import type { Fault, Plan } from './faults.ts'
import { Invariants } from './invariants.ts'
import { Liar } from './liar.ts'
import type { Violation } from './invariants.ts'
import { SimNetwork } from './network.ts'
import { Scheduler, mustSettle } from './scheduler.ts'
import { SimBlockReader } from './sim-block.ts'
import { SimMembers, changeTransaction } from './sim-members.ts'
import { SimNode, told } from './sim-node.ts'
import type { SimWorld } from './sim-node.ts'

export interface SimResult {
  readonly seed: number
  readonly violation: (Violation & { readonly atMs: number; readonly phase: string }) | undefined
  readonly traceHash: string
  readonly events: number
  readonly committed: number
  readonly certified: number
  readonly leaders: number
  readonly acknowledged: number
  readonly starts: number
  readonly repairs: number
  /** Snapshots taken in place of a replay, and activations of changes of members. */
  readonly joins: number
  readonly changes: number
  readonly halted: number
  /** Pieces of evidence against a liar, over all honest nodes. */
  readonly evidence: number
}

/** Virtual time after healing in which a quorum must make progress, and then everyone catch up. */
const PROGRESS_US = 60_000_000
const CATCH_UP_US = 120_000_000

/** One run: faults for a while with every invariant checked after every step, then health, and life must go on. */
export class Simulation {
  readonly plan: Plan
  readonly scheduler = new Scheduler()
  readonly invariants: Invariants
  readonly network: SimNetwork
  readonly nodes: readonly SimNode[]
  readonly #random: SeededRandom
  readonly #world: SimWorld
  #transaction = 0
  #phase = 'faults'
  #healed = false

  constructor(plan: Plan) {
    this.plan = plan
    this.#random = new SeededRandom(plan.seed ^ 0x2c1b3c6d)
    const voters = Array.from({ length: plan.nodes }, (_, i) => i + 1)
    const ids = Array.from({ length: plan.nodes + plan.spares }, (_, i) => i + 1)
    const genesis = SimMembers.genesis(voters)
    this.invariants = new Invariants(ids, genesis, plan.liar)
    this.network = new SimNetwork(this.scheduler, plan.seed ^ 0x297a2d39)
    this.network.onSend = (from, to, frame) => this.invariants.sent(from, to, frame)
    const reader = new SimBlockReader()
    const liar = plan.liar === 0 ? undefined : new Liar(plan.liar, plan.seed ^ 0x11a4, reader)
    if (liar !== undefined) {
      this.network.tamper = (from, to, frame) => liar.tamper(from, to, frame)
      liar.rootBefore = ({ height }) => this.invariants.rootAt(plan.liar, height - 1) ?? new Uint8Array(32)
    }
    this.#world = {
      scheduler: this.scheduler, network: this.network, invariants: this.invariants, reader, nodes: ids, genesis, snapshotBlocks: plan.snapshotBlocks, keepBlocks: plan.keepBlocks, raft: plan.raft, tickMs: plan.tickMs, proposer: plan.proposer,
      segmentBytes: plan.segmentBytes, liar: plan.liar, find: (node) => this.node(node),
    }
    this.invariants.onMembers = (members) => this.#operate(members)
    this.nodes = ids.map((id) => new SimNode(id, this.#world, Math.imul(plan.seed + 1, 7919) + id, id === plan.liar ? liar?.executorClass : undefined))
  }

  node(id: number): SimNode {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  run(): SimResult {
    mustSettle()
    for (const node of this.nodes) node.start()
    for (const fault of this.plan.faults) this.#arm(fault)
    this.#clients()
    const endUs = this.plan.ticks * this.plan.tickMs * 1000
    this.#until(endUs, () => false)
    if (this.invariants.violation === undefined) this.#live()
    return this.result()
  }

  result(): SimResult {
    const { invariants, scheduler } = this
    return {
      seed: this.plan.seed, traceHash: scheduler.traceHash, events: scheduler.events, committed: invariants.committedIndex, certified: invariants.newestCertifiedHeight, leaders: invariants.leadersSeen,
      acknowledged: invariants.acknowledged.size, starts: this.nodes.reduce((sum, { starts }) => sum + starts, 0), repairs: this.nodes.reduce((sum, { repairs }) => sum + repairs, 0), joins: this.nodes.reduce((sum, { joins }) => sum + joins, 0), changes: invariants.changes, halted: this.nodes.filter(({ state }) => state === 'halted' || state === 'gone').length, evidence: this.nodes.reduce((sum, { evidence }) => sum + evidence, 0),
      violation: invariants.violation === undefined ? undefined : { ...invariants.violation, atMs: Math.floor(scheduler.nowUs / 1000), phase: this.#phase },
    }
  }

  /** Runs events up to a time, or until something holds (looked at now and then), or an invariant does not. */
  #until(untilUs: number, isDone: () => boolean): boolean {
    for (let steps = 0; this.invariants.violation === undefined; steps++) {
      this.network.touched = 0
      const owner = this.scheduler.step(untilUs)
      if (owner === undefined) return isDone()
      const touched = owner === 0 ? this.network.touched : owner
      if (touched !== 0) this.#look(touched)
      if (steps % 256 === 0 && isDone()) return true
    }
    return false
  }

  #look(id: number): void {
    const { parts, state } = this.nodes[id - 1]!
    if (parts === undefined || state !== 'up' || parts.raft.steps === parts.lookedAt) return
    parts.lookedAt = parts.raft.steps
    this.invariants.look(id, parts.raft.status())
  }

  #clients(): void {
    const { submitUs, readUs, retry } = this.plan
    const random = this.#random
    const wait = (meanUs: number): number => -Math.log(1 - random.next()) * meanUs
    const submit = (): void => {
      const again = this.#transaction > 0 && random.chance(retry)
      const transaction = again ? 1 + random.below(this.#transaction) : ++this.#transaction
      this.#submit(random.pick(this.nodes), transaction)
      this.scheduler.schedule(wait(submitUs), undefined, submit)
    }
    const read = (): void => {
      random.pick(this.nodes).read()
      this.scheduler.schedule(wait(readUs), undefined, read)
    }
    this.scheduler.schedule(wait(submitUs), undefined, submit)
    this.scheduler.schedule(wait(readUs), undefined, read)
  }

  /** The node that got it passes it on to the others. */
  #submit(node: SimNode, transaction: number): void {
    if (!node.submit(transaction, true) || node.life === undefined) return
    for (const other of this.nodes) if (other !== node) this.network.call(node.life, other.id, () => other.submit(transaction, false), () => undefined)
  }

  #arm(fault: Fault): void {
    const { network } = this
    switch (fault.kind) {
      case 'loss': case 'duplicate': case 'replay': case 'garble': network.faults[fault.kind] = fault.rate; return
      case 'slowNetwork': network.faults.delayMeanUs = fault.delayMeanUs; return
      case 'disorder': network.faults.ordered = false; return
      case 'drift': this.node(fault.node).clockRate = fault.rate; return
      case 'fate': this.node(fault.node).disk.unsyncedFate = fault.unsynced; return
      default: this.scheduler.schedule(fault.at, undefined, () => { if (!this.#healed) this.#act(fault) })
    }
  }

  #act(fault: Exclude<Fault, { kind: 'loss' | 'duplicate' | 'replay' | 'garble' | 'slowNetwork' | 'disorder' | 'drift' | 'fate' }>): void {
    if (fault.kind === 'cut') {
      this.#cutLines(fault.lines, fault.forUs)
      return
    }
    if (fault.kind === 'change') {
      for (const node of this.nodes) node.submit(changeTransaction(fault.operation, fault.which), false)
      return
    }
    if (fault.kind === 'isolate') {
      const { id } = this.#leader()
      for (const { id: other } of this.nodes) if (other !== id) this.#cutLines([[id, other], [other, id]], fault.forUs)
      return
    }
    const node = fault.node === 0 ? this.#leader() : this.node(fault.node)
    const { disk } = node
    switch (fault.kind) {
      case 'crash': case 'kill':
        node.crash(fault.kind === 'crash')
        this.#later(fault.downUs, () => node.start())
        return
      case 'spoil':
        if (node.spoil(fault.how, fault.which)) this.#later(fault.downUs, () => node.start())
        return
      case 'crashAtCall':
        disk.faults.crashIn = fault.calls
        this.#later(fault.downUs + 1_000_000, () => {
          disk.faults.crashIn = undefined
          node.start()
        })
        return
      case 'pause': node.pause(this.scheduler.nowUs + fault.forUs); return
      case 'lie':
        disk.faults.lieNext = true
        if (fault.cutForUs !== undefined) disk.faults.whenDue = () => this.#cutPower(node, fault.cutForUs!)
        return
      case 'stray': disk.faults.strayNext = true; return
      case 'flip': disk.flipBit(); return
      case 'syncError': disk.faults.failNextSync = true; return
      case 'full':
        disk.faults.full = true
        this.#later(fault.forUs, () => { disk.faults.full = false })
        return
      case 'slowDisk':
        disk.faults.latencyUs = 20_000
        this.#later(fault.forUs, () => { disk.faults.latencyUs = 100 })
        return
      case 'skew': node.clockOffsetMs = fault.offsetMs; return
      case 'campaign': node.parts?.driver.campaign(); return
      case 'transfer':
        node.parts?.raft.step({ type: 'transferLeader', to: fault.to })
        node.parts?.driver.kick()
    }
  }

  #cutLines(lines: readonly (readonly [number, number])[], forUs: number): void {
    const { cut } = this.network
    for (const [from, to] of lines) cut.add(from * 64 + to)
    this.#later(forUs, () => { for (const [from, to] of lines) cut.delete(from * 64 + to) })
  }

  /** Who leads in the newest term, as far as it is up; else the first node. */
  #leader(): SimNode {
    let found = this.nodes[0]!
    let newest = -1
    for (const node of this.nodes) {
      const status = node.parts?.raft.status()
      if (status?.role !== 'leader' || status.term <= newest) continue
      found = node
      newest = status.term
    }
    return found
  }

  #cutPower(node: SimNode, downUs: number): void {
    node.crash(true)
    this.#later(downUs, () => node.start())
  }

  /** Operators follow what was decided, in their own time: they start nodes that were added, and stop those that were let go. */
  #operate(members: SimMembers): void {
    for (const node of this.nodes) {
      const delayUs = this.#healed ? 0 : this.#random.next() * 3_000_000
      const takesPart = members.nodes.includes(node.id)
      if (takesPart && node.state === 'unborn') this.scheduler.schedule(delayUs, undefined, () => { if (this.invariants.members.nodes.includes(node.id)) node.beBorn() })
      if (!takesPart && node.state !== 'unborn' && node.state !== 'removed') this.scheduler.schedule(delayUs, undefined, () => node.retire())
    }
  }

  #later(delayUs: number, work: () => void): void {
    this.scheduler.schedule(delayUs, undefined, () => { if (!this.#healed) work() })
  }

  /** Health returns, first to a quorum of sound nodes alone: it must commit, certify and read. Then to all: everyone must come to the same. */
  #live(): void {
    const { plan } = this
    this.#healed = true
    Object.assign(this.network.faults, { loss: 0, duplicate: 0, replay: 0, garble: 0, delayMeanUs: 1000, ordered: true })
    this.network.cut.clear()
    // With blocks every few milliseconds and none kept a snapshot is outdated before anybody has taken it, for ever.
    this.#world.keepBlocks = Infinity
    for (const node of this.nodes) {
      Object.assign(node.disk.faults, { latencyUs: 100, full: false, crashIn: undefined, lieNext: false, whenDue: undefined, strayNext: false, failNextSync: false })
      node.clockOffsetMs = 0
      node.clockRate = 1
      node.pause(0)
    }
    if (plan.liar !== 0) return // One liar can halt a height until recovery: no liveness is promised (DESIGN §5.7).
    this.#phase = 'a quorum lives'
    const { members } = this.invariants
    for (const node of this.nodes) {
      if (members.nodes.includes(node.id)) node.beBorn()
      else if (node.state !== 'unborn') node.retire()
    }
    const core = this.#core()
    if (core === undefined) return
    for (const node of this.nodes) {
      node.held = !core.includes(node)
      if (node.held) node.crash(false)
    }
    for (const node of core) node.start()
    const fresh = 1_000_000_000 + plan.seed
    const alive = this.#until(this.scheduler.nowUs + PROGRESS_US, () => {
      // Clients try again, and nodes pass on what waits: whoever leads has it in the end.
      for (const node of core) node.submit(fresh, false)
      return core.every(({ state, parts }) => state === 'removed' || parts?.executor.isCommitted(fresh) === true)
    })
    if (!alive) this.invariants.fail('a sound quorum that is healed commits', { core: core.map(({ id, state, parts }) => ({ id, state, status: brief(parts?.driver.status) })) })
    if (this.invariants.violation !== undefined) return
    this.#phase = 'all live'
    for (const node of this.nodes) {
      node.held = false
      node.start()
    }
    const height = this.invariants.transactions.get(fresh) ?? 0
    const caughtUp = this.#until(this.scheduler.nowUs + CATCH_UP_US, () => this.invariants.members.step === undefined && this.nodes.every(({ state, parts }) => state === 'gone' || state === 'unborn' || state === 'removed' || (parts?.executor.isCommitted(fresh) === true && parts.finality.finalHeight >= Math.min(height, this.#certifiable()))))
    if (!caughtUp) this.invariants.fail('all nodes come to the same', { nodes: this.nodes.map(({ id, state, reason, parts }) => ({ id, state, reason, final: parts?.finality.finalHeight, fresh: height, status: brief(parts?.driver.status) })) })
    this.#compareAll()
  }

  /** Nodes that are certain to be whole, a majority of all; undefined when damage has left none. */
  #core(): readonly SimNode[] | undefined {
    const { configuration, step, nodes } = this.invariants.members
    const sound = this.nodes.filter(({ id, state, harmed, disk }) => nodes.includes(id) && state !== 'unborn' && state !== 'gone' && state !== 'repair' && !harmed && disk.counts.flips === 0)
    // Where members change, those who decide may be others before it is through: then everyone takes part.
    if (step !== undefined || this.plan.spares > 0) return sound.length === nodes.length ? sound : undefined
    const voters = sound.filter(({ id }) => configuration.voters.includes(id))
    sound.splice(0, sound.length, ...voters)
    const size = Math.floor(configuration.voters.length / 2) + 1
    if (sound.length < size) return undefined
    for (let at = sound.length - 1; at > 0; at--) {
      const other = this.#random.below(at + 1)
      ;[sound[at], sound[other]] = [sound[other]!, sound[at]!]
    }
    return sound.slice(0, size)
  }

  /** Certificates need more than a Raft majority may have: with too many nodes gone none is made. */
  #certifiable(): number {
    const { voters } = this.invariants.members.configuration
    const attesting = voters.filter((id) => this.node(id).state !== 'gone').length
    return attesting >= certificateQuorum(voters.length) ? Infinity : 0
  }

  #compareAll(): void {
    const { acknowledged, transactions } = this.invariants
    for (const [transaction, height] of acknowledged) if (transactions.get(transaction) !== height) this.invariants.fail('no acknowledged transaction is lost', { transaction, height, found: transactions.get(transaction) })
  }
}

function brief(status: object | undefined): unknown {
  if (status === undefined) return undefined
  const { role, term, leader, lastIndex, executedIndex, committedIndex } = status as Record<string, unknown>
  return { role, term, leader, lastIndex, executedIndex, committedIndex }
}

/**
 * Runs a plan on a turn of the event loop of its own: between events promises are settled by hand, which V8 refuses from inside another promise. A crash of the simulator
 * itself counts as a violation, so that it is reported with its seed.
 */
export function simulate(plan: Plan): Promise<SimResult> {
  return new Promise((resolve) => { setImmediate(() => resolve(runPlan(plan))) })
}

function runPlan(plan: Plan): SimResult {
  const simulation = new Simulation(plan)
  try {
    return simulation.run()
  } catch (error) {
    simulation.invariants.fail('the simulation runs', { error: told(error) })
    return simulation.result()
  }
}
