import { PPM } from '../../primitives/calls/anonymization.ts'
import type { DatasetTerms, ReleaseFigures } from '../../primitives/calls/anonymization.ts'
import type { ANONYMIZATION_CODES } from './codes.ts'

/**
 * What is wrong with the figures of a release by themselves: counts that contradict each other, or a policy that they miss. Members compare them with
 * the rows off the path of blocks; here nothing is read but numbers. `persons`: how many were selected.
 */
export function figuresFault({ rows, classes, smallestClass, suppressed, dropped, lossPpm, prosecutorPpm }: ReleaseFigures, terms: DatasetTerms, persons: number): keyof typeof ANONYMIZATION_CODES | undefined {
  const countsFit = rows >= 1 && classes >= 1 && smallestClass >= 1 && BigInt(classes) * BigInt(smallestClass) <= BigInt(rows) && rows + suppressed + dropped <= persons
  if (!countsFit || lossPpm > PPM || !isRoundedUpReciprocal(prosecutorPpm, smallestClass)) return 'RELEASE_FIGURES_INVALID'
  const suppressionKept = suppressed * PPM <= terms.suppressionPpm * (rows + suppressed)
  return smallestClass >= terms.k && suppressionKept && prosecutorPpm <= terms.prosecutorPpm ? undefined : 'RELEASE_MISSES_POLICY'
}

/** Whether `ppm` is one million divided by `count`, rounded up; without dividing. */
function isRoundedUpReciprocal(ppm: number, count: number): boolean {
  const product = BigInt(ppm) * BigInt(count)
  return product >= BigInt(PPM) && product - BigInt(count) < BigInt(PPM)
}

/** More than two thirds (DESIGN §5.10). */
export function isAccepted(sound: number, members: number): boolean {
  return sound * 3 > members * 2
}

/** So many found it wrong that two thirds can no longer be passed. */
export function isRefused(faulty: number, members: number): boolean {
  return !isAccepted(members - faulty, members)
}
