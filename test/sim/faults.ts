import { SeededRandom } from '../helpers/raft-random.ts'
import type { ChangeOperation } from './sim-members.ts'

/** One thing that goes wrong in a run: a rate that holds from the start, or an act at a time (µs). Node 0 is whoever leads then. The list of a run can be cut down to find which of them matter. */
export type Fault =
  | { readonly kind: 'loss' | 'duplicate' | 'replay' | 'garble'; readonly rate: number }
  | { readonly kind: 'slowNetwork'; readonly delayMeanUs: number }
  | { readonly kind: 'disorder' }
  /** The members decide on a change; `which` picks who leaves. */
  | { readonly kind: 'change'; readonly at: number; readonly operation: ChangeOperation; readonly which: number }
  /** Cuts off whoever leads, both ways. */
  | { readonly kind: 'isolate'; readonly at: number; readonly forUs: number }
  | { readonly kind: 'crash' | 'kill'; readonly at: number; readonly node: number; readonly downUs: number }
  | { readonly kind: 'crashAtCall'; readonly at: number; readonly node: number; readonly calls: number; readonly downUs: number }
  | { readonly kind: 'pause'; readonly at: number; readonly node: number; readonly forUs: number }
  | { readonly kind: 'cut'; readonly at: number; readonly lines: readonly (readonly [number, number])[]; readonly forUs: number }
  | { readonly kind: 'stray' | 'flip' | 'syncError'; readonly at: number; readonly node: number }
  /** `cutForUs`: the power goes as soon as something durable vouches for what was lost, before more is written, and stays away so long. */
  | { readonly kind: 'lie'; readonly at: number; readonly node: number; readonly cutForUs?: number }
  /** The power goes, and a file of the ledger with it. */
  | { readonly kind: 'spoil'; readonly at: number; readonly node: number; readonly how: 'gone' | 'zeroed' | 'cut'; readonly which: number; readonly downUs: number }
  | { readonly kind: 'full' | 'slowDisk'; readonly at: number; readonly node: number; readonly forUs: number }
  | { readonly kind: 'skew'; readonly at: number; readonly node: number; readonly offsetMs: number }
  | { readonly kind: 'drift'; readonly node: number; readonly rate: number }
  | { readonly kind: 'fate'; readonly node: number; readonly unsynced: 'lost' | 'kept' | 'some' }
  | { readonly kind: 'transfer' | 'campaign'; readonly at: number; readonly node: number; readonly to: number }

export const PROFILES = ['swarm', 'calm', 'network', 'crash', 'storage', 'liar', 'leaders', 'reads', 'disk', 'members', 'snapshots', 'files'] as const
export type Profile = (typeof PROFILES)[number]
/** What a seed of the swarm is about, by its remainder: mostly a mixture of everything, else one thing that a mixture exercises too seldom. */
const THEMES: readonly Profile[] = ['leaders', 'reads', 'disk', 'members', 'snapshots', 'swarm', 'swarm', 'swarm', 'swarm', 'swarm']

/** Everything a seed decides before the first event. */
export interface Plan {
  readonly seed: number
  readonly nodes: number
  /** Further machines that changes of members may give a part. */
  readonly spares: number
  /** Blocks from one snapshot to the next (0: none), and those that pruning leaves. */
  readonly snapshotBlocks: number
  readonly keepBlocks: number
  readonly liar: number
  readonly ticks: number
  readonly tickMs: number
  readonly raft: { readonly electionTicks: number; readonly preVote: boolean; readonly checkQuorum: boolean; readonly maxInflightMessages: number; readonly maxMessageBytes: number; readonly maxUncommittedEntries: number; readonly maxCommittedBytesPerEffects: number }
  /** How eagerly the leader cuts blocks: a deep pipeline, or one at a time. */
  readonly proposer: { readonly inflightBlocksMax: number; readonly growTransactions: number; readonly lingerMs: number }
  readonly segmentBytes: number
  /** Mean time between two transactions, reads (µs). */
  readonly submitUs: number
  readonly readUs: number
  readonly retry: number
  readonly faults: readonly Fault[]
}

const SECOND_US = 1_000_000

/** Draws a plan: every kind of fault is on or off, and of a strength, by the seed (swarm testing, Groce et al. 2012; TigerBeetle's VOPR). */
export function drawPlan(seed: number, ticks: number, asked: Profile): Plan {
  const profile = asked === 'swarm' ? THEMES[seed % THEMES.length]! : asked
  const random = new SeededRandom(seed)
  const liar = profile === 'liar' || (profile === 'swarm' && random.chance(0.1))
  const nodes = liar ? random.pick([4, 4, 5, 7]) : ['leaders', 'reads', 'disk', 'members', 'snapshots', 'files'].includes(profile) ? random.pick([3, 3, 4, 5]) : random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 7])
  const tickMs = 100
  const draw = new Draw(random, nodes, ticks * tickMs * 1000)
  const faults: Fault[] = []
  if (profile !== 'calm') {
    if (profile === 'leaders') draw.leaders(faults)
    else if (profile === 'reads') draw.reads(faults)
    else if (profile === 'disk') draw.disks(faults)
    else if (profile === 'members') draw.members(faults)
    else if (profile === 'files') draw.files(faults)
    else if (profile === 'snapshots') draw.snapshots(faults)
    else {
      if (profile !== 'storage') draw.network(faults)
      if (profile !== 'network') draw.crashes(faults)
      if (profile === 'storage' || profile === 'swarm') draw.storage(faults)
      if (profile === 'swarm' || profile === 'network') draw.clocks(faults)
    }
  }
  const plan: Plan = {
    seed, nodes, spares: 0, snapshotBlocks: 0, keepBlocks: 0, liar: liar ? 1 + random.below(nodes) : 0, ticks, tickMs,
    raft: {
      // Short timeouts with little jitter make split votes common.
      electionTicks: random.pick([3, 5, 10, 10]),
      preVote: random.chance(0.7), checkQuorum: random.chance(0.85), maxInflightMessages: random.pick([1, 2, 8, 8]), maxMessageBytes: random.pick([0, 400, 1 << 20, 1 << 20]),
      maxUncommittedEntries: random.pick([1, 4, 8, 64]), maxCommittedBytesPerEffects: random.pick([1, 1 << 20, 1 << 20]),
    },
    proposer: { inflightBlocksMax: random.pick([1, 8, 64]), growTransactions: random.pick([1, 5, 200]), lingerMs: random.pick([0, 8]) },
    segmentBytes: random.pick([5, 6, 8, 16]) * 4096,
    submitUs: random.pick([5_000, 20_000, 50_000, 200_000]), readUs: random.pick([50_000, 200_000, 1_000_000]), retry: random.pick([0, 0.1, 0.5]),
    faults,
  }
  return themed(plan, profile, random)
}

/** What a theme fixes beside its faults. */
function themed(plan: Plan, profile: Profile, random: SeededRandom): Plan {
  const { raft } = plan
  // Without pre-vote and leases elections collide.
  if (profile === 'leaders') {
    const collide = plan.faults.some(({ kind }) => kind === 'campaign')
    return { ...plan, submitUs: random.pick([50_000, 400_000]), raft: { ...raft, electionTicks: collide ? 3 : 10, preVote: !collide || random.chance(0.3), checkQuorum: !collide || random.chance(0.4) } }
  }
  // A deposed leader that does not check its quorum is the one that could answer from the past.
  if (profile === 'reads') return { ...plan, submitUs: random.pick([10_000, 30_000]), readUs: random.pick([2_000, 5_000]), raft: { ...raft, electionTicks: random.pick([3, 5]), checkQuorum: random.chance(0.4) } }
  if (profile === 'members') {
    const snapshotBlocks = random.pick([0, 5, 20])
    return { ...plan, spares: 4, snapshotBlocks, keepBlocks: random.pick([0, 5]), submitUs: random.pick([20_000, 100_000]), raft: { ...raft, electionTicks: random.pick([3, 5, 10]) } }
  }
  if (profile === 'snapshots') return { ...plan, snapshotBlocks: random.pick([3, 10]), keepBlocks: random.pick([0, 5]), submitUs: random.pick([10_000, 30_000]), segmentBytes: 5 * 4096, raft: { ...raft, electionTicks: random.pick([3, 5]) } }
  if (profile === 'files') return { ...plan, segmentBytes: random.pick([5, 6]) * 4096, submitUs: random.pick([20_000, 100_000]) }
  // Pauses between writes, so that a slot becomes durable alone.
  if (profile === 'disk') return { ...plan, submitUs: random.pick([50_000, 200_000, 400_000]) }
  return plan
}

class Draw {
  readonly #random: SeededRandom
  readonly #nodes: number
  readonly #endUs: number

  constructor(random: SeededRandom, nodes: number, endUs: number) {
    this.#random = random
    this.#nodes = nodes
    this.#endUs = endUs
  }

  network(faults: Fault[]): void {
    const random = this.#random
    for (const [kind, most] of [['loss', 0.3], ['duplicate', 0.2], ['replay', 0.3], ['garble', 0.02]] as const) {
      if (random.chance(0.5)) faults.push({ kind, rate: random.next() ** 2 * most })
    }
    if (random.chance(0.5)) faults.push({ kind: 'slowNetwork', delayMeanUs: random.pick([5_000, 30_000, 100_000]) })
    if (random.chance(0.5)) faults.push({ kind: 'disorder' })
    if (random.chance(0.7)) this.#acts(random.pick([2, 5, 10]), (at) => faults.push(this.#cut(at)))
  }

  crashes(faults: Fault[]): void {
    const random = this.#random
    for (let node = 1; node <= this.#nodes; node++) faults.push({ kind: 'fate', node, unsynced: random.pick(['lost', 'kept', 'some', 'some']) })
    const down = (): number => random.pick([0.1, 1, 5]) * SECOND_US * random.next()
    if (random.chance(0.6)) this.#acts(random.pick([2, 5, 10]), (at) => faults.push({ kind: random.chance(0.5) ? 'crash' : 'kill', at, node: this.#node(), downUs: down() }))
    if (random.chance(0.5)) this.#acts(random.pick([1, 3]), (at) => faults.push({ kind: 'crashAtCall', at, node: this.#node(), calls: 1 + random.below(40), downUs: down() }))
    if (random.chance(0.4)) this.#acts(5, (at) => faults.push({ kind: 'pause', at, node: this.#node(), forUs: random.next() * 5 * SECOND_US }))
    if (random.chance(0.3)) this.#acts(5, (at) => faults.push({ kind: random.chance(0.5) ? 'transfer' : 'campaign', at, node: this.#node(), to: this.#node() }))
  }

  /** Elections that collide, messages that come late or again, transfers of which the one word is lost. */
  leaders(faults: Fault[]): void {
    const random = this.#random
    faults.push({ kind: 'loss', rate: random.pick([0.05, 0.3]) }, { kind: 'duplicate', rate: random.pick([0, 0.3]) }, { kind: 'replay', rate: random.pick([0, 0.3]) })
    faults.push({ kind: 'slowNetwork', delayMeanUs: random.pick([5_000, 30_000, 100_000]) }, { kind: 'disorder' })
    const onlyTransfers = random.chance(0.4) // What a failed one leaves behind is not cleared by the next election.
    this.#acts(random.pick([0.5, 2]), (at) => {
      const to = this.#node()
      faults.push({ kind: 'transfer', at, node: 0, to })
      if (onlyTransfers && random.chance(0.6)) faults.push({ kind: 'cut', at: at - 1, lines: this.#ids().filter((id) => id !== to).map((id) => [id, to] as const), forUs: SECOND_US / 2 })
    })
    if (onlyTransfers) return
    this.#acts(random.pick([0.5, 2]), (at) => faults.push({ kind: 'campaign', at, node: this.#node(), to: 0 }))
    if (random.chance(0.5)) this.#acts(4, (at) => faults.push(this.#cut(at)))
    if (random.chance(0.7)) this.#acts(random.pick([0.5, 2]), (at) => faults.push({ kind: 'crashAtCall', at, node: this.#node(), calls: 1 + random.below(8), downUs: random.next() * SECOND_US }))
  }

  /** Leaders that are cut off, hear old answers, and are asked for reads. */
  reads(faults: Fault[]): void {
    const random = this.#random
    faults.push({ kind: 'replay', rate: random.pick([0, 0.3]) }, { kind: 'slowNetwork', delayMeanUs: random.pick([1_000, 30_000, 100_000]) })
    if (random.chance(0.5)) faults.push({ kind: 'disorder' })
    this.#acts(3, (at) => faults.push({ kind: 'isolate', at, forUs: random.pick([1, 4]) * SECOND_US * random.next() }))
    this.#acts(random.pick([1, 4]), (at) => faults.push(random.chance(0.5) ? { kind: 'kill', at, node: 0, downUs: random.next() * SECOND_US } : { kind: 'campaign', at, node: this.#node(), to: 0 }))
  }

  /** Changes of members one after the other, while lines are cut and processes crash. */
  members(faults: Fault[]): void {
    const random = this.#random
    faults.push({ kind: 'loss', rate: random.pick([0, 0.05, 0.2]) }, { kind: 'duplicate', rate: random.pick([0, 0.2]) }, { kind: 'replay', rate: random.pick([0, 0.2]) }, { kind: 'slowNetwork', delayMeanUs: random.pick([1_000, 20_000]) })
    let which = 0
    this.#acts(random.pick([0.5, 2]), (at) => faults.push({ kind: 'change', at, operation: random.pick(['add', 'add', 'remove', 'replace', 'replace', 'withdraw']), which: which++ * 7 + random.below(7) }))
    if (random.chance(0.6)) this.#acts(random.pick([1, 3]), (at) => faults.push(random.chance(0.5) ? { kind: 'isolate', at, forUs: random.next() * 2 * SECOND_US } : this.#cut(at)))
    if (random.chance(0.6)) this.#acts(random.pick([1, 3]), (at) => faults.push({ kind: random.chance(0.5) ? 'crash' : 'kill', at, node: random.chance(0.5) ? 0 : this.#node(), downUs: random.next() * SECOND_US }))
    if (random.chance(0.3)) this.#acts(2, (at) => faults.push({ kind: 'crashAtCall', at, node: this.#node(), calls: 1 + random.below(30), downUs: random.next() * SECOND_US }))
    if (random.chance(0.4)) this.#acts(2, (at) => faults.push({ kind: random.chance(0.5) ? 'transfer' : 'campaign', at, node: 0, to: this.#node() }))
  }

  /** Nodes that stay away for so long that the others have pruned what they need. */
  snapshots(faults: Fault[]): void {
    const random = this.#random
    faults.push({ kind: 'loss', rate: random.pick([0, 0.1]) }, { kind: 'replay', rate: random.pick([0, 0.2]) }, { kind: 'slowNetwork', delayMeanUs: random.pick([1_000, 20_000]) })
    this.#acts(1.5, (at) => faults.push({ kind: random.chance(0.5) ? 'crash' : 'kill', at, node: this.#node(), downUs: (1 + random.next() * 2) * SECOND_US }))
    if (random.chance(0.6)) this.#acts(2, (at) => faults.push({ kind: 'isolate', at, forUs: random.next() * 3 * SECOND_US }))
    if (random.chance(0.6)) this.#acts(1, (at) => faults.push({ kind: 'crashAtCall', at, node: this.#node(), calls: 1 + random.below(60), downUs: random.next() * SECOND_US }))
    if (random.chance(0.3)) this.#acts(3, (at) => faults.push({ kind: 'campaign', at, node: this.#node(), to: 0 }))
  }

  /** Storage faults that come out at once: each is followed by a power cut, some before anything more is written. */
  disks(faults: Fault[]): void {
    const random = this.#random
    const bad = Math.floor((this.#nodes - 1) / 2)
    for (let node = 1; node <= this.#nodes; node++) faults.push({ kind: 'fate', node, unsynced: random.pick(['lost', 'lost', 'some']) })
    this.#acts(2, (at) => {
      const node = this.#node()
      faults.push({ kind: 'syncError', at, node }, { kind: 'crash', at: at + random.next() * SECOND_US, node, downUs: random.next() * SECOND_US })
    })
    if (bad === 0) return
    this.#acts(1, (at) => {
      const node = 1 + random.below(bad)
      if (random.chance(0.6)) faults.push({ kind: 'lie', at, node, cutForUs: random.next() * SECOND_US })
      else faults.push({ kind: 'flip', at, node }, { kind: 'crash', at: at + random.next() * SECOND_US, node, downUs: random.next() * SECOND_US })
    })
  }

  /** Power cuts after which a ledger file is gone, zeroed or cut short. */
  files(faults: Fault[]): void {
    const random = this.#random
    const bad = Math.floor((this.#nodes - 1) / 2)
    for (let node = 1; node <= this.#nodes; node++) faults.push({ kind: 'fate', node, unsynced: random.pick(['lost', 'kept', 'some']) })
    this.#acts(random.pick([1, 3]), (at) => faults.push({ kind: random.chance(0.5) ? 'crash' : 'kill', at, node: this.#node(), downUs: random.next() * SECOND_US }))
    if (random.chance(0.5)) this.#acts(3, (at) => faults.push({ kind: 'crashAtCall', at, node: this.#node(), calls: 1 + random.below(60), downUs: random.next() * SECOND_US }))
    if (random.chance(0.3)) this.#acts(3, (at) => faults.push({ kind: 'campaign', at, node: this.#node(), to: 0 }))
    if (bad > 0) this.#acts(random.pick([2, 6]), (at) => faults.push({ kind: 'spoil', at, node: 1 + random.below(bad), how: random.pick(['gone', 'zeroed', 'cut']), which: random.below(1 << 20), downUs: random.next() * SECOND_US }))
  }

  /** Acknowledged data is harmed at fewer than half of the nodes: with a majority lost nothing is promised. Of a full or slow disk nobody loses anything, so all may have one. */
  storage(faults: Fault[]): void {
    const random = this.#random
    const bad = Math.floor((this.#nodes - 1) / 2)
    const chosen = Array.from({ length: this.#nodes }, (_, i) => i + 1).sort(() => random.next() - 0.5).slice(0, bad)
    if (bad > 0 && random.chance(0.6)) {
      this.#acts(random.pick([4, 10]), (at) => {
        const node = random.pick(chosen)
        faults.push({ kind: random.pick(['lie', 'lie', 'stray', 'flip']), at, node })
        // Harm shows at the next start.
        faults.push({ kind: 'crash', at: at + random.next() * 5 * SECOND_US, node, downUs: random.next() * 2 * SECOND_US })
      })
    }
    if (random.chance(0.3)) this.#acts(8, (at) => faults.push({ kind: 'full', at, node: this.#node(), forUs: random.next() * 3 * SECOND_US }))
    if (random.chance(0.3)) this.#acts(8, (at) => faults.push({ kind: 'slowDisk', at, node: this.#node(), forUs: random.next() * 3 * SECOND_US }))
    if (random.chance(0.3)) this.#acts(10, (at) => faults.push({ kind: 'syncError', at, node: this.#node() }))
  }

  clocks(faults: Fault[]): void {
    const random = this.#random
    if (random.chance(0.4)) for (let node = 1; node <= this.#nodes; node++) faults.push({ kind: 'drift', node, rate: 1 + (random.next() - 0.5) / 50 })
    if (random.chance(0.4)) this.#acts(8, (at) => faults.push({ kind: 'skew', at, node: this.#node(), offsetMs: Math.floor((random.next() - 0.5) * random.pick([200, 2000, 20_000])) }))
  }

  #ids(): number[] { return Array.from({ length: this.#nodes }, (_, i) => i + 1) }
  #node(): number { return 1 + this.#random.below(this.#nodes) }

  /** Acts at random times, `everySeconds` apart on average. */
  #acts(everySeconds: number, add: (at: number) => void): void {
    for (let at = 0; ;) {
      at += -Math.log(1 - this.#random.next()) * everySeconds * SECOND_US
      if (at >= this.#endUs) return
      add(Math.floor(at))
    }
  }

  #cut(at: number): Fault {
    const random = this.#random
    const ids = this.#ids()
    const oneWay = random.chance(0.3)
    const lines: (readonly [number, number])[] = []
    const shape = random.pick(['split', 'isolate', 'some', 'bridge'])
    const alone = random.pick(ids)
    const side = new Map(ids.map((id) => [id, random.chance(0.5)]))
    for (const a of ids) {
      for (const b of ids) {
        if (a === b) continue
        const across = side.get(a) !== side.get(b)
        // A bridge sees both sides, which do not see each other.
        const apart = shape === 'split' ? across : shape === 'bridge' ? across && a !== alone && b !== alone : shape === 'isolate' ? a === alone || b === alone : random.chance(0.3)
        const blocked = shape === 'isolate' ? a === alone : side.get(a) === true
        if (apart && (!oneWay || blocked)) lines.push([a, b])
      }
    }
    return { kind: 'cut', at, lines, forUs: random.pick([0.3, 2, 8]) * SECOND_US * random.next() }
  }
}
