/**
 * What an algorithm decided. Released rows stand class by class: class `c` holds `order[starts[c]]` up to, not including, `order[starts[c + 1]]`.
 * A generalised value is the run of ranks `low[q][c]` to `high[q][c]` of quasi-identifier `q`; for columns with a hierarchy `level[q][c]` names the node above it.
 */
export interface Recoding {
  readonly order: Int32Array
  readonly starts: Int32Array
  readonly low: readonly Int32Array[]
  readonly high: readonly Int32Array[]
  readonly level: readonly (Int32Array | undefined)[]
  /** Rows left out, ascending. */
  readonly suppressed: Int32Array
  /** Level per quasi-identifier, where one code book holds for the whole table. */
  readonly levels?: readonly number[] | undefined
}

/** Called now and then with rows done. */
export type Report = (done: number) => void

/**
 * Whether rows may stand as one class. Row ids are `data[i * stride]` for `first ≤ i < last`.
 * It tells everything that the policy asks beyond k; k itself is compared by the caller.
 */
export type ClassTest = (data: Int32Array, first: number, last: number, stride: number) => boolean
