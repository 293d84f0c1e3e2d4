import { averaging, differencingCounts, tinySite } from './counts.ts'
import { composition, differencing, homogeneity, skewness } from './tables.ts'
import type { AttackReport } from './tables.ts'

/** Issue 4, "Shows" 4. */
export const ATTACKS: Readonly<Record<string, () => AttackReport>> = { homogeneity, skewness, composition, differencing, differencingCounts, tinySite, averaging }

/** Why a report does not show what it should; undefined when the attack works on the plain thing and not on ours. Exposures must be none; chances and gains at most their bound. */
export function verdictOf({ plain, ours, bound }: AttackReport): string | undefined {
  if (bound === undefined) return plain === 0 ? 'the attack does not work on the plain thing' : ours > 0 ? 'the attack works on ours' : undefined
  return plain <= bound ? 'the attack does not work on the plain thing' : ours > bound ? 'the attack works on ours' : undefined
}
