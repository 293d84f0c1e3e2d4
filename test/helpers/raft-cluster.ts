import { DEFAULT_RAFT_OPTIONS } from '../../consensus/core/config.ts'
import type { RaftOptions } from '../../consensus/core/config.ts'
import type { Effects, Input, RaftStatus, StepRefusal } from '../../consensus/core/effects.ts'
import type { Entry, Message } from '../../consensus/core/message.ts'
import { Raft } from '../../consensus/core/raft.ts'
import { configurationOf } from '../../consensus/core/reconfiguration.ts'
import { ClusterInvariants } from './raft-invariants.ts'
import { SimulatedDisk } from './raft-disk.ts'

/** One node of the cluster: the core, its disk, and what a driver would remember. */
export interface SimulatedNode {
  readonly id: number
  readonly disk: SimulatedDisk
  raft: Raft | undefined
  /** The log as handed out by the core, durable or not: what the executor sees. */
  received: Map<number, Entry>
  /** Reads under way: number → highest index known as committed to anyone when it was asked. */
  reads: Map<number, number>
  nextRead: number
  /** Set when a durable block no longer executes: an operator is needed. */
  needsRepair: boolean
  restarts: number
}

export interface ClusterOptions {
  readonly nodes: number
  readonly raft?: Partial<RaftOptions>
  /** True when `node` comes to another root for this entry. */
  readonly refuses?: (node: number, entry: Entry) => boolean
}

const OTHER_ROOT = new Uint8Array([9, 9, 9])

/**
 * Several cores with simulated disks and a bag of messages. Nothing happens by itself: a test or a random schedule calls the verbs, and after each of
 * them the published invariants of Raft are checked (`raft-invariants.ts`).
 */
export class Cluster {
  readonly nodes: SimulatedNode[] = []
  readonly invariants: ClusterInvariants
  /** Messages on their way, oldest first. */
  network: Message[] = []
  readonly #options: ClusterOptions

  constructor(options: ClusterOptions) {
    this.#options = options
    for (let id = 1; id <= options.nodes; id++) {
      this.nodes.push({ id, disk: new SimulatedDisk(), raft: undefined, received: new Map(), reads: new Map(), nextRead: 1, needsRepair: false, restarts: 0 })
    }
    this.invariants = new ClusterInvariants(this.nodes)
    for (const node of this.nodes) this.start(node.id)
  }

  node(id: number): SimulatedNode {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  status(id: number): RaftStatus {
    const { raft } = this.node(id)
    if (raft === undefined) throw new Error(`node ${id} is down`)
    return raft.status()
  }

  /** Starts a node from its disk. */
  start(id: number): void {
    const node = this.node(id)
    if (node.raft !== undefined) return
    const { log, hardState, refusals, applied } = node.disk
    const commit = Math.max(applied, Math.min(hardState.commit, log.lastIndex()))
    node.raft = new Raft({
      ...DEFAULT_RAFT_OPTIONS, ...this.#options.raft,
      id, configuration: configurationOf(this.nodes.map((each) => each.id)), hardState: { ...hardState, commit }, applied, refusals: [...refusals], jitter: (id * 3 + node.restarts) % 10,
    }, log)
    node.received = new Map(log.entryList.map((entry) => [entry.index, entry]))
    node.reads = new Map()
    node.restarts++
    this.invariants.started(node)
  }

  /** Stops a node at once. Of what was not synced, `whole` batches and a part of the next survive. */
  crash(id: number, whole = 0, entriesKept = 0): void {
    const node = this.node(id)
    node.raft = undefined
    node.disk.crash(whole, entriesKept)
  }

  /** Gives one input and does what the effects say, except syncs and executions, which are verbs of their own. */
  step(id: number, input: Input): StepRefusal | undefined {
    const node = this.node(id)
    if (node.raft === undefined) return undefined
    const refusal = node.raft.step(input)
    while (node.raft.hasEffects()) this.#take(node, node.raft.takeEffects())
    this.invariants.check(node)
    return refusal
  }

  /** The oldest unsynced batch becomes durable and is reported. */
  sync(id: number): boolean {
    const node = this.node(id)
    if (node.raft === undefined) return false
    const batch = node.disk.sync()
    if (batch === undefined) return false
    this.step(id, { type: 'stored', batch })
    return true
  }

  /** Executes the next entry; refuses it when the test says so. */
  execute(id: number): boolean {
    const entry = this.nextToExecute(id)
    if (entry === undefined) return false
    this.reportExecution(id, entry)
    return true
  }

  nextToExecute(id: number): Entry | undefined {
    const node = this.node(id)
    return node.raft === undefined || node.needsRepair ? undefined : node.received.get(node.raft.status().executedIndex + 1)
  }

  /** Reports the execution of an entry that may have been replaced meanwhile. */
  reportExecution(id: number, entry: Entry): void {
    const node = this.node(id)
    const { index, term } = entry
    if (this.#options.refuses?.(id, entry) !== true) {
      this.step(id, { type: 'executed', index, term })
      return
    }
    const current = node.received.get(index)
    if (current?.term !== term || node.raft === undefined || index <= node.raft.status().executedIndex) return
    if (index <= node.raft.status().vouchedIndex) node.needsRepair = true // Durable before this start: never cut.
    else this.step(id, { type: 'refused', index, term, code: 'ROOT_MISMATCH', root: OTHER_ROOT })
  }

  /** Delivers the message at `position` of the network. */
  deliver(position: number): void {
    const message = this.network[position]
    if (message === undefined) return
    this.network.splice(position, 1)
    this.receive(message)
  }

  receive(message: Message): StepRefusal | undefined {
    return this.node(message.to).raft === undefined ? undefined : this.step(message.to, { type: 'message', message })
  }

  submit(id: number, text: string): StepRefusal | undefined {
    return this.step(id, { type: 'submit', term: this.status(id).term, data: [new TextEncoder().encode(text)] })
  }

  read(id: number): void {
    const node = this.node(id)
    const request = node.nextRead++
    const floor = this.invariants.committedAnywhere
    if (this.step(id, { type: 'readIndex', request }) === undefined && !node.reads.has(request)) node.reads.set(request, floor)
  }

  /** Runs everything to rest, without time passing: syncs, executions and messages among the nodes in `among`. */
  settle(among: readonly number[] = this.nodes.map(({ id }) => id), rounds = 10_000): void {
    for (let moved = true; moved; rounds--) {
      if (rounds === 0) throw new Error('the cluster does not come to rest')
      moved = false
      for (const id of among) while (this.sync(id) || this.execute(id)) moved = true
      const position = this.network.findIndex(({ from, to }) => among.includes(from) && among.includes(to))
      if (position < 0) continue
      moved = true
      this.deliver(position)
    }
  }

  /** Elects `id` with the votes of `among`. */
  elect(id: number, among?: readonly number[]): void {
    this.step(id, { type: 'campaign' })
    this.settle(among)
  }

  tick(id: number, ticks = 1): void {
    for (let i = 0; i < ticks; i++) this.step(id, { type: 'tick', jitter: (id * 7 + i) % 10 })
  }

  leader(): number | undefined {
    let newest: RaftStatus | undefined
    for (const { raft } of this.nodes) {
      const status = raft?.status()
      if (status?.role === 'leader' && (newest === undefined || status.term > newest.term)) newest = status
    }
    return newest?.id
  }

  /** What a node would show as text: "term.index:kind-or-data" of each entry. */
  logOf(id: number): string {
    const { received } = this.node(id)
    return [...received.values()].sort((a, b) => a.index - b.index).map(({ index, term, kind, data }) => `${term}.${index}:${kind === 'block' ? new TextDecoder().decode(data) : kind}`).join(' ')
  }

  #take(node: SimulatedNode, effects: Effects): void {
    if (effects.truncatedFrom !== undefined) for (const index of node.received.keys()) if (index >= effects.truncatedFrom) node.received.delete(index)
    if (effects.persist !== undefined) {
      node.disk.unsynced.push(effects.persist)
      for (const entry of effects.persist.entries) node.received.set(entry.index, entry)
    }
    this.invariants.check(node)
    for (const message of effects.messages) {
      this.invariants.sent(node, message)
      this.network.push(message)
    }
    for (const entry of effects.committed) this.invariants.applied(node, entry)
    const last = effects.committed.at(-1)
    if (last !== undefined) node.raft?.step({ type: 'applied', index: last.index })
    for (const { request, index } of effects.reads) {
      this.invariants.readServed(node, node.reads.get(request) ?? this.invariants.committedAnywhere, index)
      node.reads.delete(request)
    }
    for (const request of effects.droppedReads) node.reads.delete(request)
  }
}
