import type { AggregateAnswer, AggregateQuery } from '../../primitives/calls/aggregate-query.ts'
import { QUERY_LIMITS } from '../../primitives/calls/aggregate-query.ts'
import { addedElements, noiseBound } from '../../privacy/linkage/noise.ts'
import { LINKAGE_ELEMENTS_MAX } from '../../privacy/linkage/mix.ts'
import type { MaskedShare, PaidAnswer } from './aggregate-share.ts'
import { conditionsOf } from './aggregate-plan.ts'
import type { DatasetDefinition } from './kernel/index.ts'
import { refuse } from './kernel/refuse.ts'

/** A question that links persons, as an institution answers it. */
export interface LinkedPlan {
  readonly column: string
  /** Whether a row is asked about. */
  isMeant(columns: readonly string[], row: readonly string[]): boolean
  /** Elements that each site adds to the list in its turn. */
  readonly added: number
}

/**
 * Checks a question that links persons: the column names the person (role `identifier`, `person: true`), nothing but conditions goes with it, the noise is Laplace, 2 to 8 sites answer. `size`:
 * persons that a site's list holds at most. Refuses with `ANONYMIZATION_QUERY_INVALID` naming rule and column.
 */
export function planLinked({ by, where, measure, sharedBy, linkedBy }: AggregateQuery, definition: DatasetDefinition, { mechanism, epsilon }: Omit<PaidAnswer, 'answer'>, { sites, size }: { readonly sites: number; readonly size: number }): LinkedPlan {
  const fault = (rule: string, details: Readonly<Record<string, unknown>> = {}): never => refuse('ANONYMIZATION_QUERY_INVALID', { ...(linkedBy !== null && { column: linkedBy }), rule, ...details })
  const attribute = definition.attributes.find(({ name }) => name === linkedBy)
  if (linkedBy === null || attribute?.role !== 'identifier' || attribute.person !== true) return fault('an identifier that names the person')
  if (by.length > 0 || measure !== null || sharedBy !== null) fault('persons are linked, or cells are counted')
  if (mechanism !== 'laplace') fault('noise of a question that links persons is laplace')
  if (sites < 2 || sites > QUERY_LIMITS.weightMax) fault(`2 to ${QUERY_LIMITS.weightMax} institutions`, { sites })
  const added = addedElements(sites, epsilon)
  const elements = sites * (size + added)
  if (elements > LINKAGE_ELEMENTS_MAX) fault(`at most ${LINKAGE_ELEMENTS_MAX} persons and dummies: ask with a larger epsilon, or of fewer`, { elements, dummies: sites * added })
  return { column: linkedBy, isMeant: conditionsOf(where, definition), added }
}

/**
 * Takes the dummies off that stand for no noise at all, and applies the small-cell rule. All sites saw the same list, so their shares have the same counts; undefined when one is missing, of
 * another answer, or differs.
 */
export function combineLinked(shares: readonly MaskedShare[], { sites, answer, epsilon, smallest }: { readonly sites: readonly number[]; readonly answer: Uint8Array; readonly epsilon: number; readonly smallest: number }): AggregateAnswer | undefined {
  const sorted = [...shares].sort((a, b) => a.member - b.member)
  const [first] = sorted
  const isSame = (share: MaskedShare): boolean => share.cells.length === sites.length && share.cells.every((cell, at) => cell === first!.cells[at]) && share.answer.every((byte, i) => byte === answer[i])
  if (first === undefined || sorted.map(({ member }) => member).join() !== sites.join() || !sorted.every(isSame)) return undefined
  const still = BigInt(sites.length * noiseBound(epsilon))
  const held = first.cells.map((cell) => cell - still)
  const told = (count: bigint): bigint | null => (count >= BigInt(smallest) ? count : null)
  return { answer, sites: sites.length, unit: 1, counts: [held.reduce((sum, count) => sum + count, 0n), ...held].map(told), sums: null }
}
