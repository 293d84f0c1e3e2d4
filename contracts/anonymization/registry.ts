import { anonymizationCalls, anonymizationEvents, OVERLAP_PRICE } from '../../primitives/calls/anonymization.ts'
import type { OverlapFigures } from '../../primitives/calls/anonymization.ts'
import type { Infer } from '../../primitives/codec.ts'
import { call, pass, refuserOf } from '../runtime/contract.ts'
import type { ApplyContext, CheckContext } from '../runtime/contract.ts'
import type { Reader } from '../runtime/table.ts'
import { ANONYMIZATION_CODES } from './codes.ts'
import { overlapBreaches } from './kernel/overlap.ts'
import type { OverlapRule } from './kernel/overlap.ts'
import { budgets, comparisons, datasetVersions, overlapClaims, overlapParts, paidOverlaps, registry, registrySize, releaseRequests, releases } from './tables.ts'
import type { Comparison, Registered, Release, ReleaseRequest } from './tables.ts'

const refuse = refuserOf(ANONYMIZATION_CODES)
const REFUSALS: Readonly<Record<OverlapRule, keyof typeof ANONYMIZATION_CODES>> = { recoding: 'RECODING_INDEPENDENT', intersection: 'INTERSECTION_SMALL', differencing: 'DIFFERENCE_SMALL' }
/** Releases of others that one call walks past at most, so that its cost is bounded; a further call goes on. */
const WALK_MAX = 256

/** Accepted releases of all data sets. */
export const registeredCount = (reader: Reader): number => reader.get(registrySize) ?? 0

/** Whether two releases can have persons in common: a person's account belongs to the one institution that enrolled it. */
export function sharesContributor(earlier: Pick<Registered, 'contributors'>, contributors: readonly number[]): boolean {
  return earlier.contributors.some((member) => contributors.includes(member))
}

/** The position of the first release from `from` on that shares a contributor, or how far was looked. */
function walk(reader: Reader, contributors: readonly number[], from: number, budget: { left: number }): number {
  const size = registeredCount(reader)
  let at = from
  for (; at < size && budget.left > 0 && !sharesContributor(reader.get(registry, at)!, contributors); at++) budget.left--
  return at
}

/** What is wrong with the figures by themselves. Members compare them with the linkages off the path of blocks. */
function figuresFit({ common, smallestIntersection, smallestLeft, smallestJoined, refines }: OverlapFigures, earlier: number, later: number): boolean {
  if (common === 0) return refines && smallestIntersection === 0 && smallestLeft === 0 && smallestJoined === 0
  const [left, joined] = [earlier - common, later - common]
  return left >= 0 && joined >= 0 && smallestIntersection >= 1 && smallestIntersection <= common && smallestLeft <= left && smallestJoined <= joined
}

type Comparisons = Infer<typeof anonymizationCalls.compare>['comparisons']
interface Walked { readonly compared: number; readonly broken: readonly { readonly position: number; readonly rule: OverlapRule }[] }

/** Follows the comparisons through the registry; a code when one is out of place or contradicts itself. */
function follow(context: CheckContext, id: Uint8Array, list: Comparisons, open: ReleaseRequest, from: number, k: number): Walked | { readonly code: keyof typeof ANONYMIZATION_CODES } {
  const budget = { left: WALK_MAX }
  const broken: { position: number; rule: OverlapRule }[] = []
  let at = walk(context, open.contributors, from, budget)
  for (const { position, figures } of list) {
    const earlier = position === at ? context.get(registry, at) : undefined
    if (earlier === undefined || !sharesContributor(earlier, open.contributors)) return { code: 'OVERLAP_ORDER' }
    if (earlier.contributors.some((member) => open.contributors.includes(member) && context.get(overlapParts, id, position, member) === undefined)) return { code: 'OVERLAP_PART_MISSING' }
    if (!figuresFit(figures, earlier.persons, open.persons)) return { code: 'OVERLAP_FIGURES_INVALID' }
    const [rule] = overlapBreaches(figures, Math.max(k, earlier.k))
    if (rule !== undefined) broken.push({ position, rule })
    at = walk(context, open.contributors, at + 1, budget)
  }
  return { compared: at, broken }
}

/** A contributor to both releases commits to how its own persons lie in them, before anybody has added the parts up. */
export const overlap = call({
  args: anonymizationCalls.overlap,
  check(context, { release: id, position }) {
    if (context.caller.kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    const found = context.get(releases, id)
    if (found === undefined) return refuse('RELEASE_UNKNOWN')
    if (found.state !== 'open') return refuse('RELEASE_DECIDED')
    const { member } = context.caller
    const isIn = ({ contributors }: { readonly contributors: readonly number[] } = { contributors: [] }): boolean => contributors.includes(member)
    if (!isIn(context.get(registry, position)) || !isIn(context.get(releaseRequests, found.request))) return refuse('OVERLAP_NEEDLESS')
    return context.get(overlapParts, id, position, member) === undefined ? pass(member) : refuse('OVERLAP_TWICE')
  },
  apply(context, { release: id, position, part }, member) {
    context.put(overlapParts, [id, position, member], part)
    context.emit('overlapped', anonymizationEvents.overlapped, { release: id, position, member, part })
  },
})

interface Prepared { readonly found: Release; readonly asked: ReleaseRequest; readonly before: Comparison; readonly compared: number; readonly paying: readonly number[]; readonly spent: number }
const NOT_COMPARED: Comparison = { compared: 0, round: 0 }

/**
 * Says how a claimed release lies beside the accepted ones of the same persons. One that singles somebody out together with an earlier one, or groups the same persons anew
 * without refining, is paid for from the recipient's budget or refused; what is paid for one request is not paid again when its release is made anew.
 */
export const compare = call({
  args: anonymizationCalls.compare,
  check(context, { release: id, comparisons: list }) {
    if (context.caller.kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    const found = context.get(releases, id)
    if (found === undefined) return refuse('RELEASE_UNKNOWN')
    if (found.author !== context.caller.member) return refuse('RELEASE_NOT_OWN')
    if (found.state !== 'open') return refuse('RELEASE_DECIDED')
    const before = context.get(comparisons, id) ?? NOT_COMPARED
    const asked = context.get(releaseRequests, found.request)!
    const terms = context.get(datasetVersions, found.dataset, found.version)!
    const walked = follow(context, id, list, asked, before.compared, terms.k)
    if ('code' in walked) return refuse(walked.code)
    const unpaid = walked.broken.filter(({ position }) => context.get(paidOverlaps, found.request, position) === undefined)
    const spent = (context.get(budgets, found.dataset, asked.purpose, asked.member) ?? 0) + unpaid.length * OVERLAP_PRICE
    if (unpaid.length > 0 && spent > terms.budget) return refuse(REFUSALS[unpaid[0]!.rule])
    return pass<Prepared>({ found, asked, before, compared: walked.compared, paying: unpaid.map(({ position }) => position), spent })
  },
  apply(context, { release: id, comparisons: list }, { found, asked, before, compared, paying, spent }: Prepared) {
    // Whoever has attested did not see a further comparison: verdicts begin anew.
    const restarts = list.length > 0 && found.sound + found.faulty > 0
    context.put(comparisons, [id], { compared, round: before.round + (restarts ? 1 : 0) })
    if (restarts) context.put(releases, [id], { ...found, sound: 0, faulty: 0 })
    if (paying.length > 0) context.put(budgets, [found.dataset, asked.purpose, asked.member], spent)
    for (const { position, figures } of list) context.put(overlapClaims, [id, position], figures)
    for (const position of paying) context.put(paidOverlaps, [found.request, position], context.block.height)
    context.emit('compared', anonymizationEvents.compared, { release: id, compared, registered: registeredCount(context), charged: paying.length * OVERLAP_PRICE })
  },
})

/** Whether a release has been compared with every accepted one that shares a contributor. One that shares none needs no comparison, as long as few others lie between. */
export function isCompared(reader: Reader, id: Uint8Array, contributors: readonly number[]): boolean {
  const { compared } = reader.get(comparisons, id) ?? NOT_COMPARED
  return walk(reader, contributors, compared, { left: WALK_MAX }) === registeredCount(reader)
}

/** Enters an accepted release into the registry. */
export function enterRegistry(context: ApplyContext, id: Uint8Array, found: Release): void {
  const position = registeredCount(context)
  const { contributors, persons } = context.get(releaseRequests, found.request)!
  const { k } = context.get(datasetVersions, found.dataset, found.version)!
  context.put(registry, [position], { release: id, dataset: found.dataset, version: found.version, k, persons, contributors })
  context.put(registrySize, [], position + 1)
}
