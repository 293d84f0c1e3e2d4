import { SeededRandom } from '../helpers/raft-random.ts'

/** One thing that goes wrong in a run: a rate that holds from the start, or an act at a time (µs). The list of a run can be cut down to find which of them matter. */
export type Fault =
  | { readonly kind: 'loss' | 'duplicate' | 'replay' | 'garble'; readonly rate: number }
  | { readonly kind: 'slowNetwork'; readonly delayMeanUs: number }
  | { readonly kind: 'disorder' }
  | { readonly kind: 'crash' | 'kill'; readonly at: number; readonly node: number; readonly downUs: number }
  | { readonly kind: 'crashAtCall'; readonly at: number; readonly node: number; readonly calls: number; readonly downUs: number }
  | { readonly kind: 'pause'; readonly at: number; readonly node: number; readonly forUs: number }
  | { readonly kind: 'cut'; readonly at: number; readonly lines: readonly (readonly [number, number])[]; readonly forUs: number }
  | { readonly kind: 'lie' | 'stray' | 'flip' | 'syncError'; readonly at: number; readonly node: number }
  | { readonly kind: 'full' | 'slowDisk'; readonly at: number; readonly node: number; readonly forUs: number }
  | { readonly kind: 'skew'; readonly at: number; readonly node: number; readonly offsetMs: number }
  | { readonly kind: 'drift'; readonly node: number; readonly rate: number }
  | { readonly kind: 'fate'; readonly node: number; readonly unsynced: 'lost' | 'kept' | 'some' }
  | { readonly kind: 'transfer' | 'campaign'; readonly at: number; readonly node: number; readonly to: number }

export type Profile = 'swarm' | 'calm' | 'network' | 'crash' | 'storage' | 'liar' | 'byzantine'
export const PROFILES = ['swarm', 'calm', 'network', 'crash', 'storage', 'liar'] as const

/** Everything a seed decides before the first event. */
export interface Plan {
  readonly seed: number
  readonly nodes: number
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
export function drawPlan(seed: number, ticks: number, profile: Profile): Plan {
  const random = new SeededRandom(seed)
  const liar = profile === 'liar' || (profile === 'swarm' && random.chance(0.1))
  const nodes = liar ? random.pick([4, 4, 5, 7]) : random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 7])
  const tickMs = 100
  const draw = new Draw(random, nodes, ticks * tickMs * 1000)
  const faults: Fault[] = []
  if (profile !== 'calm') {
    if (profile !== 'storage') draw.network(faults)
    if (profile !== 'network') draw.crashes(faults)
    if (profile === 'storage' || profile === 'swarm') draw.storage(faults)
    if (profile === 'swarm' || profile === 'network') draw.clocks(faults)
  }
  return {
    seed, nodes, liar: liar ? 1 + random.below(nodes) : 0, ticks, tickMs,
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
    const ids = Array.from({ length: this.#nodes }, (_, i) => i + 1)
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
