import { equalBytes } from '../../primitives/bytes.ts'
import { consentCalls, consentEvents } from '../../primitives/calls/consent.ts'
import type { ConsentTerms, Grantee } from '../../primitives/calls/consent.ts'
import { accounts, sequenceFault, writeSequence } from '../identity/accounts.ts'
import { members } from '../membership/tables.ts'
import { call, defineContract, pass, refuserOf } from '../runtime/contract.ts'
import type { CheckContext } from '../runtime/contract.ts'
import { CONSENT_CODES } from './codes.ts'
import { consentCounts, consentLists, consents, earlierTerms, LIVE_CONSENTS_MAX, pairKey, pairs, tombstones } from './tables.ts'
import type { Consent } from './tables.ts'

const refuse = refuserOf(CONSENT_CODES)

/** What every consent write needs first: the patient itself, and a `seq` that continues its line. */
function writerFault(context: CheckContext, seq: bigint): { readonly code: string } | undefined {
  if (context.caller.kind !== 'patient') return refuse('CALLER_NOT_PATIENT')
  const fault = sequenceFault(context, context.caller.account, seq)
  return fault === undefined ? undefined : refuse(fault)
}

function isKnownGrantee(context: CheckContext, grantee: Grantee): boolean {
  return grantee.kind === 'account' ? context.get(accounts, grantee.value) !== undefined : context.get(members, grantee.value) !== undefined
}

function isPeriodInvalid({ from, until }: Pick<ConsentTerms, 'from' | 'until'>, timeMs: bigint): boolean {
  return from >= until || until <= timeMs
}

function termsOf(args: ConsentTerms): ConsentTerms {
  const { grantee, from, until, requires, classes, confidentialityMax, purposes, actions } = args
  return { grantee, from, until, requires, classes, confidentialityMax, purposes, actions }
}

/** The pair's list with room for one more: expired consents leave it only when it is full. */
function listWithRoom(context: CheckContext, patient: Uint8Array, grantee: Grantee): Uint8Array[] | undefined {
  const listed = context.get(pairs, ...pairKey(patient, grantee)) ?? []
  if (listed.length < LIVE_CONSENTS_MAX) return listed
  const live = listed.filter((id) => (context.get(consents, id)?.terms.until ?? 0n) > context.block.timeMs)
  return live.length < LIVE_CONSENTS_MAX ? live : undefined
}

const grant = call({
  args: consentCalls.grant,
  check(context, args) {
    const patient = context.caller.account
    const fault = writerFault(context, args.seq)
    if (fault !== undefined) return fault
    if (context.get(tombstones, patient, context.transactionId) !== undefined) return refuse('CONSENT_REVOKED')
    if (isPeriodInvalid(args, context.block.timeMs)) return refuse('PERIOD_INVALID')
    if (!isKnownGrantee(context, args.grantee)) return refuse('GRANTEE_UNKNOWN')
    const listed = listWithRoom(context, patient, args.grantee)
    if (listed === undefined) return refuse('CONSENT_TOO_MANY')
    return pass({ listed, count: context.get(consentCounts, patient) ?? 0 })
  },
  apply(context, args, { listed, count }) {
    const patient = context.caller.account
    const id = context.transactionId
    writeSequence(context, patient, args.seq)
    context.put(consents, [id], { patient, state: 'live', version: 1, sinceHeight: context.block.height, sinceMs: context.block.timeMs, terms: termsOf(args) })
    context.put(pairs, pairKey(patient, args.grantee), [...listed, id])
    context.put(consentLists, [patient, count], id)
    context.put(consentCounts, [patient], count + 1)
    context.emit('granted', consentEvents.granted, { consent: id, patient, grantee: args.grantee, version: 1 })
  },
})

/** A consent of the caller; another patient's is as unknown as one that does not exist. */
function own(context: CheckContext, id: Uint8Array): Consent | undefined {
  const found = context.get(consents, id)
  return found !== undefined && equalBytes(found.patient, context.caller.account) ? found : undefined
}

function sameGrantee(a: Grantee, b: Grantee): boolean {
  if (a.kind === 'account') return b.kind === 'account' && equalBytes(a.value, b.value)
  return b.kind === 'member' && a.value === b.value
}

/** Cost units of naming a consent: fixed, so that a stranger's refusal does not tell whether the consent exists. */
export const NAMING_COST = { amend: 10_000, revoke: 8_000 } as const

const amend = call({
  args: consentCalls.amend,
  fixedCost: () => NAMING_COST.amend,
  check(context, args) {
    const fault = writerFault(context, args.seq)
    if (fault !== undefined) return fault
    const found = own(context, args.consent)
    if (found === undefined) return refuse('CONSENT_UNKNOWN')
    if (found.state === 'revoked') return refuse('CONSENT_REVOKED')
    if (found.version !== args.replaces) return refuse('CONSENT_VERSION_STALE')
    if (!sameGrantee(found.terms.grantee, args.grantee)) return refuse('GRANTEE_CHANGED')
    if (isPeriodInvalid(args, context.block.timeMs)) return refuse('PERIOD_INVALID')
    // An expired consent may have left the pair's list to make room; it then takes a place again.
    const listed = context.get(pairs, ...pairKey(found.patient, args.grantee)) ?? []
    const isListed = listed.some((id) => equalBytes(id, args.consent))
    const room = isListed ? listed : listWithRoom(context, found.patient, args.grantee)
    return room === undefined ? refuse('CONSENT_TOO_MANY') : pass({ found, relisted: isListed ? undefined : [...room, args.consent] })
  },
  apply(context, args, { found, relisted }) {
    const { patient, version, sinceHeight, sinceMs, terms } = found
    writeSequence(context, patient, args.seq)
    context.put(earlierTerms, [args.consent, version], { sinceHeight, sinceMs, terms })
    context.put(consents, [args.consent], { patient, state: 'live', version: version + 1, sinceHeight: context.block.height, sinceMs: context.block.timeMs, terms: termsOf(args) })
    if (relisted !== undefined) context.put(pairs, pairKey(patient, args.grantee), relisted)
    context.emit('amended', consentEvents.amended, { consent: args.consent, patient, grantee: args.grantee, version: version + 1 })
  },
})

/**
 * Ends a consent at once. Twice is no error. An id the caller never granted gets a tombstone under the caller's own account: it stops the
 * caller's delayed grant of that id, and nobody else's, and the answer does not tell whether the id exists elsewhere.
 */
const revoke = call({
  args: consentCalls.revoke,
  fixedCost: () => NAMING_COST.revoke,
  openWhileSuspended: true,
  check(context, args) {
    const fault = writerFault(context, args.seq)
    return fault ?? pass(own(context, args.consent))
  },
  apply(context, args, found) {
    const patient = context.caller.account
    writeSequence(context, patient, args.seq)
    if (found === undefined) context.put(tombstones, [patient, args.consent], context.block.height)
    else if (found.state === 'live') {
      const { version, sinceHeight, sinceMs, terms } = found
      const key = pairKey(patient, terms.grantee)
      context.put(earlierTerms, [args.consent, version], { sinceHeight, sinceMs, terms })
      context.put(consents, [args.consent], { ...found, state: 'revoked', sinceHeight: context.block.height, sinceMs: context.block.timeMs })
      context.put(pairs, key, (context.get(pairs, ...key) ?? []).filter((id) => !equalBytes(id, args.consent)))
    }
    context.emit('revoked', consentEvents.revoked, { consent: args.consent, patient })
  },
})

/** What patients allow. */
export const consent = defineContract({ name: 'consent', version: 1, codes: CONSENT_CODES, calls: { grant, amend, revoke } })
