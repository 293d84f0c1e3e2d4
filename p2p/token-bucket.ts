import type { Clock } from '../primitives/ports.ts'

/** An allowance that refills steadily: `perSecond` on average, `burst` at once after a pause. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  readonly #clock: Clock
  #tokens: number
  #atMs: number

  constructor(options: { readonly perSecond: number; readonly burst: number }, { clock }: { readonly clock: Clock }) {
    this.#perSecond = options.perSecond
    this.#burst = options.burst
    this.#clock = clock
    this.#tokens = options.burst
    this.#atMs = clock.monotonicMs()
  }

  /** Takes one token; false when there is none. */
  take(): boolean {
    const now = this.#clock.monotonicMs()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#atMs) / 1000) * this.#perSecond)
    this.#atMs = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
