import type { Records } from './partition.ts'

/** The value at which a partition is cut, and the next value present above it (the same when there is none). */
export interface Median { readonly at: number; readonly next: number }

/** Finds medians with one counting array that is reused; a partition whose ranks lie far apart is sorted instead. */
export class MedianFinder {
  private counts = new Int32Array(1_024)
  private readonly records: Records

  constructor(records: Records) {
    this.records = records
  }

  /** The lower median of column `q`: the first value at which at least ⌊rows / 2⌋ rows are counted. `low` and `high` are the extremes present. */
  find(start: number, end: number, q: number, low: number, high: number): Median {
    const middle = (end - start) >> 1
    return high - low < 8 * (end - start) + 64 ? this.byCounting(start, end, q, low, high, middle) : this.bySorting(start, end, q, middle)
  }

  private byCounting(start: number, end: number, q: number, low: number, high: number, middle: number): Median {
    const { data, stride } = this.records
    const span = high - low + 1
    if (this.counts.length < span) this.counts = new Int32Array(2 * span)
    const counts = this.counts.fill(0, 0, span)
    for (let at = start * stride + q + 1, stop = end * stride; at < stop; at += stride) counts[data[at]! - low]!++
    let [sum, i] = [counts[0]!, 0]
    while (sum < middle) sum += counts[++i]!
    const at = i
    do i++
    while (i < span && counts[i] === 0)
    return { at: low + at, next: low + (i < span ? i : at) }
  }

  private bySorting(start: number, end: number, q: number, middle: number): Median {
    const { data, stride } = this.records
    const sorted = Int32Array.from({ length: end - start }, (_, i) => data[(start + i) * stride + q + 1]!).sort()
    const at = sorted[Math.max(0, middle - 1)]!
    return { at, next: sorted.find((rank) => rank > at) ?? at }
  }
}
