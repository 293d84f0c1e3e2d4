import type { AggregateAnswer, AggregateQuery } from '../../primitives/calls/aggregate-query.ts'
import { QUERY_LIMITS } from '../../primitives/calls/aggregate-query.ts'
import { array, i64, struct, u32, u64 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { hash32 } from '../../primitives/ids.ts'
import { addNoise } from '../../privacy/dp/noise.ts'
import { maskCells, sumShares } from '../../privacy/dp/masks.ts'
import type { MaskParties } from '../../privacy/dp/masks.ts'
import type { Uniform } from '../../privacy/dp/uniform.ts'
import { planAggregate } from './aggregate-plan.ts'
import type { DatasetDefinition } from './kernel/index.ts'

/** What is paid for, as the ledger says: the question by hash, mechanism, millionths of ε. */
export interface PaidAnswer { readonly answer: Uint8Array; readonly mechanism: 'laplace' | 'gaussian'; readonly epsilon: number }

/** Noisy counts stay far below it. Masks that do not cancel, because a site has changed its keys between two shares, leave numbers below it once in 2^15 cells. */
const COUNT_MAX = 1n << 48n
const cellsMax = 2 * QUERY_LIMITS.cells
/** An institution's noisy cells before they are masked: what it keeps, so that the same answer has the same noise for ever. Counts, then sums where they are asked for. */
export const noisyShareSchema = struct({ answer: hash32, cells: array(i64, { max: cellsMax }) })
/** What leaves the institution, sealed to the data set's owner: noisy cells under masks that cancel in the sum. */
export const maskedShareSchema = struct({ answer: hash32, member: u32, cells: array(u64, { max: cellsMax }) })
export type MaskedShare = Infer<typeof maskedShareSchema>

/**
 * An institution's noisy cells. Counts alone spend the whole ε; a sum takes half of it and the count that goes with it, for the small-cell rule, the other half. One row is one person, so
 * that a person changes one cell.
 */
export function noisyCells(query: AggregateQuery, definition: DatasetDefinition, table: { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] }, { mechanism, epsilon }: PaidAnswer, uniform: Uniform): bigint[] {
  const plan = planAggregate(query, definition)
  const { counts, sums } = plan.evaluate(table.columns, table.rows)
  const { count, sum } = plan.sensitivity
  if (sums === undefined || sum === undefined) return addNoise(counts, { mechanism, epsilon, sensitivity: count }, uniform)
  // Twice the sensitivity at the whole ε is the sensitivity at half of it.
  return [...addNoise(counts, { mechanism, epsilon, sensitivity: 2n * count }, uniform), ...addNoise(sums, { mechanism, epsilon, sensitivity: 2n * sum }, uniform)]
}

export function maskedShare(cells: readonly bigint[], { answer }: Pick<PaidAnswer, 'answer'>, parties: MaskParties, chain: Uint8Array): MaskedShare {
  return { answer, member: parties.member, cells: maskCells(cells, parties, { chain, answer }) }
}

/**
 * Adds up the shares of all sites and applies the small-cell rule: a cell whose noisy count is below `smallest` persons is not told, nor is its sum. It looks at noisy counts alone, so it costs
 * nothing of ε and tells nothing that the noisy count would not. Undefined when a share is missing, doubled, of another answer or another size, or masked under other keys.
 */
export function combineShares(query: AggregateQuery, definition: DatasetDefinition, shares: readonly MaskedShare[], { sites, answer, smallest }: { readonly sites: readonly number[]; readonly answer: Uint8Array; readonly smallest: number }): AggregateAnswer | undefined {
  const { cellCount, unit, sensitivity } = planAggregate(query, definition)
  const length = sensitivity.sum === undefined ? cellCount : 2 * cellCount
  const sorted = [...shares].sort((a, b) => a.member - b.member)
  const fits = sorted.map(({ member }) => member).join() === sites.join() && sorted.every((share) => share.cells.length === length && share.answer.every((byte, i) => byte === answer[i]))
  if (!fits) return undefined
  const totals = sumShares(sorted.map(({ cells }) => cells))
  if (totals.slice(0, cellCount).some((total) => total > COUNT_MAX || total < -COUNT_MAX)) return undefined
  const isTold = (cell: number): boolean => totals[cell]! >= BigInt(smallest) * unit
  const told = (from: number) => Array.from({ length: cellCount }, (_, cell) => (isTold(cell) ? totals[from + cell]! : null))
  return { answer, sites: sites.length, unit: Number(unit), counts: told(0), sums: sensitivity.sum === undefined ? null : told(cellCount) }
}
