import type { Entry } from '../../consensus/core/message.ts'
import { Cluster } from './raft-cluster.ts'
import { SeededRandom } from './raft-random.ts'

export interface ScheduleResult { readonly committed: number; readonly leaders: number; readonly steps: number; readonly fenced: number; readonly refusals: number; readonly halted: boolean }

/** Rates are drawn per seed, some of them zero, so that seeds differ in kind (swarm testing). */
interface Rates { readonly loss: number; readonly copy: number; readonly crash: number; readonly partition: number; readonly refuse: number }

/**
 * Runs one random schedule: ticks, messages lost, copied and reordered, partitions, crashes that lose unsynced batches, late executions, refusals.
 * Then everything heals, and the cluster must elect a leader and commit, unless refusals forbid it. Throws when an invariant breaks.
 */
export function runSchedule(seed: number, steps: number): ScheduleResult {
  const random = new SeededRandom(seed)
  const rate = (most: number): number => (random.chance(0.3) ? 0 : random.next() * most)
  const rates: Rates = { loss: rate(0.3), copy: rate(0.2), crash: rate(0.01), partition: rate(0.006), refuse: random.chance(0.6) ? 0 : random.next() * 0.3 }
  const refusing = new Map<string, boolean>()
  const size = random.pick([1, 2, 3, 3, 3, 3, 4, 5])
  const cluster: Cluster = new Cluster({
    nodes: size,
    raft: {
      preVote: random.chance(0.85), checkQuorum: random.chance(0.85), maxInflightMessages: random.pick([1, 2, 8]), maxMessageBytes: random.pick([0, 80, 1 << 20]),
      maxUncommittedEntries: random.pick([1, 4, 64]), maxCommittedBytesPerEffects: random.pick([1, 1 << 20]),
    },
    refuses: (node, entry) => entry.kind === 'block' && cluster.invariants.leaderOf(entry.term) !== node && decide(refusing, `${node}:${entry.index}:${entry.term}`, () => random.chance(rates.refuse)),
  })
  const schedule = new Schedule(cluster, random, rates)
  for (let step = 0; step < steps; step++) schedule.act(step)
  cluster.invariants.checkLogMatching()
  refusing.clear()
  const halted = rates.refuse > 0
  if (!halted) recover(cluster, random, seed)
  const fenced = cluster.nodes.filter(({ raft }) => raft?.status().fence !== undefined).length
  return { committed: cluster.invariants.committedAnywhere, leaders: cluster.invariants.leadersSeen, steps, fenced, refusals: cluster.nodes.reduce((sum, { disk }) => sum + disk.refusals.length, 0), halted }
}

class Schedule {
  readonly #cluster: Cluster
  readonly #random: SeededRandom
  readonly #rates: Rates
  /** Executions under way: reported later, perhaps after the entry was replaced. */
  #executing: { readonly id: number; readonly entry: Entry }[] = []
  /** Pairs `from:to` that lose everything. */
  #cut = new Set<string>()

  constructor(cluster: Cluster, random: SeededRandom, rates: Rates) {
    this.#cluster = cluster
    this.#random = random
    this.#rates = rates
  }

  act(step: number): void {
    const random = this.#random
    const { id, raft } = random.pick(this.#cluster.nodes)
    if (random.chance(this.#rates.partition)) this.#repartition()
    if (random.chance(this.#rates.crash)) this.#crashOrStart(id)
    if (raft === undefined) {
      if (random.chance(0.03)) this.#cluster.start(id)
      return
    }
    const dice = random.next()
    if (dice < 0.2) this.#cluster.step(id, { type: 'tick', jitter: random.below(10) })
    else if (dice < 0.6) this.#message()
    else if (dice < 0.75) this.#cluster.sync(id)
    else if (dice < 0.88) this.#execution(id)
    else if (dice < 0.95) this.#submit(step)
    else if (dice < 0.98) this.#cluster.read(id)
    else this.#rare(id)
  }

  #message(): void {
    const { network } = this.#cluster
    const random = this.#random
    if (network.length === 0) return
    // Mostly the oldest messages, sometimes any.
    const position = random.chance(0.8) ? Math.min(random.below(4), network.length - 1) : random.below(network.length)
    const message = network[position]
    if (message === undefined) return
    if (random.chance(this.#rates.copy)) network.push(message)
    if (random.chance(this.#rates.loss) || this.#cut.has(`${message.from}:${message.to}`)) network.splice(position, 1)
    else this.#cluster.deliver(position)
    if (network.length > 500) network.splice(0, 100)
  }

  #execution(id: number): void {
    if (this.#random.chance(0.7)) {
      this.#cluster.execute(id)
      return
    }
    const entry = this.#cluster.nextToExecute(id)
    if (entry !== undefined) this.#executing.push({ id, entry })
    const late = this.#random.chance(0.5) ? this.#executing.shift() : undefined
    if (late !== undefined && this.#cluster.node(late.id).raft !== undefined) this.#cluster.reportExecution(late.id, late.entry)
  }

  #submit(step: number): void {
    const leaders = this.#cluster.nodes.filter(({ raft }) => raft?.status().role === 'leader')
    if (leaders.length > 0) this.#cluster.submit(this.#random.pick(leaders).id, `b${step}`)
  }

  #rare(id: number): void {
    const other = this.#random.pick(this.#cluster.nodes).id
    switch (this.#random.below(5)) {
      case 0: this.#cluster.step(id, { type: 'campaign' }); break
      case 1: this.#cluster.step(id, { type: 'forgetLeader' }); break
      case 2: this.#cluster.step(id, { type: 'unreachable', peer: other }); break
      case 3: this.#cluster.step(id, { type: 'transferLeader', to: other }); break
      default: this.#cluster.invariants.checkLogMatching()
    }
  }

  #crashOrStart(id: number): void {
    const { disk, raft } = this.#cluster.node(id)
    if (raft === undefined) this.#cluster.start(id)
    else this.#cluster.crash(id, this.#random.below(disk.unsynced.length + 1), this.#random.below(3))
  }

  #repartition(): void {
    this.#cut = new Set()
    if (this.#random.chance(0.4)) return
    const oneWay = this.#random.chance(0.3)
    const side = new Map(this.#cluster.nodes.map(({ id }) => [id, this.#random.chance(0.5)]))
    for (const a of side.keys()) {
      for (const b of side.keys()) if (side.get(a) !== side.get(b) && (!oneWay || side.get(a) === true)) this.#cut.add(`${a}:${b}`)
    }
  }
}

/** Everything is up and connected: within some election timeouts there is a leader, and a new block commits everywhere. */
function recover(cluster: Cluster, random: SeededRandom, seed: number): void {
  cluster.network = []
  for (const { id } of cluster.nodes) cluster.start(id)
  let target = Infinity
  for (let round = 0; round < 400; round++) {
    for (const { id } of cluster.nodes) cluster.step(id, { type: 'tick', jitter: random.below(10) })
    cluster.settle()
    const leader = cluster.leader()
    if (leader !== undefined && target === Infinity && cluster.submit(leader, 'last') === undefined) target = cluster.status(leader).lastIndex
    cluster.settle()
    if (cluster.nodes.every(({ id }) => cluster.status(id).appliedIndex >= target)) return
  }
  throw new Error(`seed ${seed}: after healing, no new block commits everywhere`)
}

function decide(known: Map<string, boolean>, key: string, draw: () => boolean): boolean {
  const decision = known.get(key) ?? draw()
  known.set(key, decision)
  return decision
}
