import { ACTIONS, COARSE_CLASSES, isPurpose, type Action, type CoarseClass, type Confidentiality, type ConsentTerms, type Purpose } from '../primitives/calls/index.ts'
import type { TagDictionary } from '../privacy/tags.ts'
import { clientError } from './errors.ts'

/** FHIR's system of resource types; tags of kind `type` use it, and importers must use the same. */
export const RESOURCE_TYPE_SYSTEM = 'http://hl7.org/fhir/resource-types'

/** What a person chooses; the client turns it into terms of the ledger. Everything not limited is open, but purposes and actions must be named. */
export interface ConsentChoices {
  /** One account (a clinician), or every account a member institution has enrolled. */
  readonly grantee: { readonly account: Uint8Array } | { readonly member: number }
  /** FHIR resource types, for example `Observation`; any of them. */
  readonly types?: readonly string[]
  /** Codes, for example LOINC `718-7`; any of them. With `types` both must hold. */
  readonly codes?: readonly { readonly system: string; readonly code: string }[]
  readonly classes?: readonly CoarseClass[]
  /** Highest level shown; `N` (normal) unless told, so that sensitive data takes a decision of its own. */
  readonly confidentialityMax?: Confidentiality
  readonly purposes: readonly Purpose[]
  /** `query` and `read` unless told. */
  readonly actions?: readonly Action[]
  /** First day, `YYYY-MM-DD`, UTC; today unless told. */
  readonly from?: string
  /** Whole days, the first included. */
  readonly days?: number
  /** Last day, `YYYY-MM-DD`, UTC, included. Exactly one of `days` and `until`. */
  readonly until?: string
}

const DAY_MS = 86_400_000
const GROUP_MAX = 32
const DAYS_MAX = 36_525

/**
 * Compiles choices to the terms of `consent.grant`. Dates are whole UTC days, both ends in: `until` 31 March becomes the first instant of 1 April, which the
 * ledger excludes. Each list of types or codes becomes one group of tags. Throws `CLIENT_CONSENT_INVALID` naming field and rule.
 */
export function compileConsent(choices: ConsentChoices, tags: TagDictionary, nowMs: number): ConsentTerms {
  const { from, until } = compilePeriod(choices, nowMs)
  const { grantee, types = [], codes = [], classes = [], confidentialityMax = 'N', purposes, actions = ['query', 'read'] } = choices
  if (types.length > GROUP_MAX) throw invalid('types', `must be at most ${GROUP_MAX}`)
  if (codes.length > GROUP_MAX) throw invalid('codes', `must be at most ${GROUP_MAX}`)
  if (types.some((type) => !/^[A-Z][A-Za-z]{1,63}$/.test(type))) throw invalid('types', 'must be names of FHIR resource types')
  if (purposes.length === 0) throw invalid('purposes', 'must name at least one purpose')
  if (!purposes.every(isPurpose)) throw invalid('purposes', 'must be codes of HL7 PurposeOfUse')
  if (actions.length === 0 || !actions.every((action) => ACTIONS.includes(action))) throw invalid('actions', `must be some of ${ACTIONS.join(', ')}`)
  if (!classes.every((item) => COARSE_CLASSES.includes(item))) throw invalid('classes', `must be some of ${COARSE_CLASSES.join(', ')}`)
  const groups = [
    types.map((value) => tags.add({ kind: 'type', system: RESOURCE_TYPE_SYSTEM, value })),
    codes.map(({ system, code }) => tags.add({ kind: 'code', system, value: code })),
  ]
  return {
    grantee: 'account' in grantee ? { kind: 'account', value: grantee.account } : { kind: 'member', value: grantee.member },
    from, until, requires: groups.filter((group) => group.length > 0), classes: [...new Set(classes)], confidentialityMax,
    purposes: [...new Set(purposes)], actions: [...new Set(actions)],
  }
}

function compilePeriod({ from, days, until }: ConsentChoices, nowMs: number): { readonly from: bigint; readonly until: bigint } {
  const first = from === undefined ? Math.floor(nowMs / DAY_MS) * DAY_MS : dayStart('from', from)
  if ((days === undefined) === (until === undefined)) throw invalid('days', 'give either days or until')
  if (days !== undefined && (!Number.isInteger(days) || days < 1 || days > DAYS_MAX)) throw invalid('days', `must be 1 to ${DAYS_MAX} whole days`)
  const end = until === undefined ? first + days! * DAY_MS : dayStart('until', until) + DAY_MS
  if (end <= first) throw invalid('until', 'must not be before the first day')
  return { from: BigInt(first), until: BigInt(end) }
}

/** The first instant of a UTC day; refuses days that do not exist, which `Date` would silently move. */
function dayStart(field: string, text: string): number {
  const start = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(start) || new Date(start).toISOString().slice(0, 10) !== text) throw invalid(field, 'must be a day as YYYY-MM-DD')
  return start
}

function invalid(field: string, rule: string): Error {
  return clientError('CLIENT_CONSENT_INVALID', { details: { field, rule } })
}
