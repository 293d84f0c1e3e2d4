import type { Clock } from '../primitives/ports.ts'
import type { FaultAction } from './errors.ts'

/** Points per fault. An ignored one still counts a little: a flood of harmless messages is not harmless. */
const POINTS: Readonly<Record<FaultAction, number>> = { ignore: 1, reject: 10, disconnect: Number.POSITIVE_INFINITY }
/** Points halve in this time, so that a rare mistake is forgotten and a steady stream of them is not. */
const HALF_LIFE_MS = 60_000

interface Score { points: number; atMs: number; bannedUntilMs: number }

/** Counts the faults of each node and says when one is to be cut off. Pure bookkeeping: others carry it out. */
export class PeerScores {
  readonly #pointsMax: number
  readonly #banMs: number
  readonly #clock: Clock
  readonly #scores = new Map<number, Score>()

  constructor(options: { readonly faultPointsMax: number; readonly banMs: number }, { clock }: { readonly clock: Clock }) {
    this.#pointsMax = options.faultPointsMax
    this.#banMs = options.banMs
    this.#clock = clock
  }

  /** Adds a fault; true when the peer must now be disconnected. Its points then start again from 0, its ban from now. */
  add(node: number, action: FaultAction): boolean {
    const now = this.#clock.monotonicMs()
    const score = this.#scores.get(node) ?? { points: 0, atMs: now, bannedUntilMs: Number.NEGATIVE_INFINITY }
    const points = decayed(score, now) + POINTS[action]
    const over = points >= this.#pointsMax
    this.#scores.set(node, { points: over ? 0 : points, atMs: now, bannedUntilMs: over ? now + this.#banMs : score.bannedUntilMs })
    return over
  }

  /** Points now, at most two decimals of meaning. */
  points(node: number): number {
    const score = this.#scores.get(node)
    return score === undefined ? 0 : decayed(score, this.#clock.monotonicMs())
  }

  /** How much longer the node is cut off, in ms; 0 when it is not. */
  banLeftMs(node: number): number {
    const score = this.#scores.get(node)
    return score === undefined ? 0 : Math.max(0, score.bannedUntilMs - this.#clock.monotonicMs())
  }

  /** Forgets a node that left the ledger. */
  forget(node: number): void {
    this.#scores.delete(node)
  }
}

function decayed(score: Score, nowMs: number): number {
  return score.points * 2 ** (-(nowMs - score.atMs) / HALF_LIFE_MS)
}
