import { equalBytes } from '../../primitives/bytes.ts'
import type { DecisionEvent } from '../../primitives/calls/access.ts'
import { readParameters } from '../membership/members.ts'
import type { StateView } from '../runtime/ports.ts'
import { readerOf } from '../runtime/table.ts'
import { decide } from './decision.ts'
import type { DenyReason } from './decision.ts'
import { gatherFacts } from './facts.ts'

/** Why a key may no longer be released on a permit. */
export const GONE_CODES = {
  PERMIT_NONE: 'the event is a denial',
  PERMIT_ENDED: 'the permit has ended',
  BASIS_GONE: 'the consent that the permit rests on was revoked or amended so that it no longer covers it',
} as const
export type GoneCode = keyof typeof GONE_CODES | DenyReason

/**
 * Asks again, at a newer state and time, whether a permit still holds: same requester, record version, sections, verb and purpose, and the
 * *same* basis, since another consent would be another decision. `timeMs`: the releasing party's clock or the head's time, whichever is later.
 * Called before every key release and every re-serving (DESIGN §5.13).
 */
export function recheck(view: StateView, permit: DecisionEvent, timeMs: bigint): 'ok' | { readonly gone: GoneCode } {
  if (permit.decision !== 'permit') return { gone: 'PERMIT_NONE' }
  if (timeMs >= permit.until) return { gone: 'PERMIT_ENDED' }
  const reader = readerOf(view)
  const { facts } = gatherFacts({ reader, timeMs, parameters: readParameters(reader), readerKeyInUse: false }, permit.requester, permit)
  const again = decide({ ...facts, consents: facts.consents.filter(({ id }) => equalBytes(id, permit.basis)) })
  if (again.decision === 'deny') return { gone: again.reason === 'CONSENT' ? 'BASIS_GONE' : again.reason }
  return equalBytes(again.basis, permit.basis) ? 'ok' : { gone: 'BASIS_GONE' }
}
