import { refuse } from './refuse.ts'

/** Class of each person of the union of two releases; −1 where the person is not in that release. Both lists name the persons in the same order. */
export interface OverlappingClasses { readonly earlier: Int32Array; readonly later: Int32Array }

/** What somebody who holds both releases could single out. Counts are of persons; undefined where there is nothing of the kind. */
export interface Overlap {
  /** Persons in both. */
  readonly common: number
  /** Smallest set of persons that share their class in both: what intersecting the classes leaves (Ganta, Kasiviswanathan, Smith, KDD 2008). */
  readonly smallestIntersection: number | undefined
  /** Smallest set of one class that left, or joined, between the releases: what subtracting one from the other leaves. */
  readonly smallestLeft: number | undefined
  readonly smallestJoined: number | undefined
  /** Whether every later class lies within one earlier class, of those in both; then intersecting tells nothing that the later release does not. */
  readonly refines: boolean
}

/** Counts overlaps. O(persons). */
export function overlapOf({ earlier, later }: OverlappingClasses): Overlap {
  if (earlier.length !== later.length) refuse('ANONYMIZATION_RELEASE_MALFORMED', { rule: 'one class per person in both lists', earlier: earlier.length, later: later.length })
  const [both, left, joined] = [new Map<number, Map<number, number>>(), new Map<number, number>(), new Map<number, number>()]
  let common = 0
  for (let person = 0; person < earlier.length; person++) {
    const [before, after] = [earlier[person]!, later[person]!]
    if (before >= 0 && after >= 0) {
      common++
      const of = both.get(after) ?? new Map<number, number>()
      of.set(before, (of.get(before) ?? 0) + 1)
      both.set(after, of)
    } else if (before >= 0) left.set(before, (left.get(before) ?? 0) + 1)
    else if (after >= 0) joined.set(after, (joined.get(after) ?? 0) + 1)
  }
  const least = (counts: Iterable<number>): number | undefined => [...counts].reduce<number | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined)
  return { common, smallestIntersection: least([...both.values()].flatMap((of) => [...of.values()])), smallestLeft: least(left.values()), smallestJoined: least(joined.values()), refines: [...both.values()].every((of) => of.size === 1) }
}

export const OVERLAP_RULES = ['recoding', 'intersection', 'differencing'] as const
export type OverlapRule = (typeof OVERLAP_RULES)[number]

/**
 * Rules that a later release breaks beside an earlier one, gravest first. `recoding`: it groups the same persons anew, without refining the first classes, so that what is known of a
 * person is what both its classes have in common, however many share them (Ganta et al., KDD 2008); `intersection`, `differencing`: holding both singles out fewer than k.
 * Empty: it may stand. Nobody in both: nothing can be compared.
 */
export function overlapBreaches({ common, refines, smallestIntersection, smallestLeft, smallestJoined }: Pick<Overlap, 'common' | 'refines' | 'smallestIntersection' | 'smallestLeft' | 'smallestJoined'>, k: number): readonly OverlapRule[] {
  if (common === 0) return []
  const isSmall = (count: number | undefined): boolean => count !== undefined && count > 0 && count < k
  const broken: Readonly<Record<OverlapRule, boolean>> = { recoding: !refines, intersection: isSmall(smallestIntersection), differencing: isSmall(smallestLeft) || isSmall(smallestJoined) }
  return OVERLAP_RULES.filter((rule) => broken[rule])
}
