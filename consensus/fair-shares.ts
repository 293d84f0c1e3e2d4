/**
 * Shares one bounded resource between members: half of it is promised, in equal parts, so that nobody's flood shuts another out; the other half is for whoever comes first.
 * Amounts are counts or bytes. Nothing that was taken is ever taken away.
 */
export class FairShares {
  readonly #max: number
  readonly #members: () => number
  readonly #used = new Map<number, number>()
  #promised = 0
  #parts = 0
  /** What members use beyond their promised parts. */
  #common = 0

  /** `members`: how many share, at least 1; may change. */
  constructor(max: number, members: () => number) {
    this.#max = max
    this.#members = members
  }

  /** Members that use something now. */
  get users(): number { return this.#used.size }

  used(member: number): number { return this.#used.get(member) ?? 0 }

  /** Whether a member may take so much more. */
  allows(member: number, amount: number): boolean {
    this.#follow()
    const own = this.used(member)
    const more = this.#over(own + amount) - this.#over(own)
    return more === 0 || this.#common + more <= this.#max - this.#promised * this.#parts
  }

  /** Changes what a member uses, by a positive or negative amount. */
  change(member: number, amount: number): void {
    const before = this.used(member)
    const after = before + amount
    this.#common += this.#over(after) - this.#over(before)
    if (after <= 0) this.#used.delete(member)
    else this.#used.set(member, after)
  }

  #over(used: number): number {
    return Math.max(0, used - this.#promised)
  }

  #follow(): void {
    const parts = Math.max(1, this.#members())
    if (parts === this.#parts) return
    this.#parts = parts
    this.#promised = Math.floor(this.#max / 2 / parts)
    this.#common = [...this.#used.values()].reduce((sum, used) => sum + this.#over(used), 0)
  }
}
