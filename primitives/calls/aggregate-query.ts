import { array, encode, fixedBytes, i64, optional, struct, text, u32, variant } from '../codec.ts'
import type { Infer } from '../codec.ts'
import { hash } from '../hash.ts'

/** Sizes of a question. Cells are all combinations of the values of its axes. */
export const QUERY_LIMITS = { axes: 3, valuesPerAxis: 512, cells: 1_024, conditions: 8, weightMax: 8 } as const
const column = text({ max: 256 })
const value = text({ max: 512 })
const date = text({ max: 10, pattern: /^\d{4}-\d{2}-\d{2}$/ })

/**
 * One axis of the answer. `values`: the cells are these values; with `level` above 0, labels at that level of the column's hierarchy (lineages, regions). `days`: the cells are spans of
 * `step` days from `from` on, `count` of them. Cells are named by the asker, never by the data: that a value occurs is itself an answer.
 */
const axis = variant({ values: struct({ column, level: u32, values: array(value, { min: 1, max: QUERY_LIMITS.valuesPerAxis }) }), days: struct({ column, from: date, step: u32, count: u32 }) })
export type QueryAxis = Infer<typeof axis>

/** Rows that count: the column has one of the values, at a level of its hierarchy. */
const condition = struct({ column, level: u32, values: array(value, { min: 1, max: QUERY_LIMITS.valuesPerAxis }) })

/**
 * A question to the institutions of a data set: how many persons lie in each cell, or with `measure`, what a whole number of theirs adds up to, each clamped to low…high.
 * `sharedBy`: a column with the number of contributing institutions that hold the person (1 to 8); each then counts 1 ÷ that number, so that the total counts everybody once.
 * `linkedBy`: an identifier that the institutions have in common; how many persons there are in all, and how many are held by one, two, … of them, is found without anybody learning whose.
 */
export const aggregateQuery = struct({
  by: array(axis, { max: QUERY_LIMITS.axes }), where: array(condition, { max: QUERY_LIMITS.conditions }), measure: optional(struct({ column, low: i64, high: i64 })), sharedBy: optional(column), linkedBy: optional(column),
})
export type AggregateQuery = Infer<typeof aggregateQuery>

/** What a question is known by: equal questions are equal bytes. */
export function queryHash(query: AggregateQuery): Uint8Array {
  return hash('aggregate-query', encode(aggregateQuery, query))
}

/**
 * What the recipient gets, sealed to it. A cell is null where the noisy count is below the small-cell limit. Counts are in `unit`s: divide by it.
 * To a question with `linkedBy`: persons in all, then those held by exactly one institution, by two, ….
 */
export const aggregateAnswer = struct({ answer: fixedBytes(32), sites: u32, unit: u32, counts: array(optional(i64), { max: QUERY_LIMITS.cells }), sums: optional(array(optional(i64), { max: QUERY_LIMITS.cells })) })
export type AggregateAnswer = Infer<typeof aggregateAnswer>
