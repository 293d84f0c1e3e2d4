import { LRUCache } from 'lru-cache'
import type { Clock } from '../primitives/ports.ts'
import { rpcError } from './refuse.ts'
import type { RateClass } from './registry.ts'

/** Callers remembered per class; the one unseen longest is forgotten, which gives it a full bucket again. */
const CALLERS_MAX = 10_000

interface Bucket { tokens: number; filledMs: number }

/** One bucket of tokens per caller and class: it holds one second's worth and fills evenly. */
export class RateLimiter {
  readonly #rates: Readonly<Record<RateClass, number>>
  readonly #clock: Clock
  readonly #buckets: Readonly<Record<RateClass, LRUCache<string, Bucket>>>

  /** `rates`: calls per second for each class. */
  constructor(rates: Readonly<Record<RateClass, number>>, collaborators: { readonly clock: Clock }) {
    this.#rates = rates
    this.#clock = collaborators.clock
    const cache = () => new LRUCache<string, Bucket>({ max: CALLERS_MAX })
    this.#buckets = { read: cache(), write: cache(), heavy: cache(), bulk: cache() }
  }

  /** Takes one token of `caller` (account or address). Throws `RPC_RATE_LIMITED` with `retryAfterMs` when there is none. */
  take(rateClass: RateClass, caller: string): void {
    const perSecond = this.#rates[rateClass]
    const nowMs = this.#clock.monotonicMs()
    let bucket = this.#buckets[rateClass].get(caller)
    if (bucket === undefined) {
      bucket = { tokens: perSecond, filledMs: nowMs }
      this.#buckets[rateClass].set(caller, bucket)
    }
    bucket.tokens = Math.min(perSecond, bucket.tokens + ((nowMs - bucket.filledMs) * perSecond) / 1000)
    bucket.filledMs = nowMs
    if (bucket.tokens < 1) {
      throw rpcError('RPC_RATE_LIMITED', 'too many calls of this kind', { details: { rateClass, retryAfterMs: Math.ceil(((1 - bucket.tokens) * 1000) / perSecond) } })
    }
    bucket.tokens--
  }
}
