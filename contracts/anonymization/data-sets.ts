import { anonymizationCalls, anonymizationEvents, OPENINGS_MAX, PPM } from '../../primitives/calls/anonymization.ts'
import type { DatasetTerms } from '../../primitives/calls/anonymization.ts'
import { members } from '../membership/tables.ts'
import { call, pass, refuserOf } from '../runtime/contract.ts'
import type { CheckContext } from '../runtime/contract.ts'
import { isAdmitted } from './admission.ts'
import { ANONYMIZATION_CODES } from './codes.ts'
import { datasets, datasetVersions, releaseRequests } from './tables.ts'

const refuse = refuserOf(ANONYMIZATION_CODES)

/** How long a permitted request may be answered: a month of block time, in ms. */
export const REQUEST_MS = 30n * 86_400_000n
export const NO_RELEASE = new Uint8Array(32)

/** With two contributors each could subtract its own counts: then, or with one, the counts themselves must not be small. */
function modeFits({ mode, openings, siteFloor, contributorsMin }: DatasetTerms): boolean {
  if (mode === 'joint') return openings === 0 && siteFloor >= 1 && contributorsMin >= 2 && (contributorsMin >= 3 || siteFloor >= 2)
  return siteFloor === 0 && openings <= (mode === 'owner' ? OPENINGS_MAX : 0)
}

function termsFit(context: CheckContext, terms: DatasetTerms): boolean {
  const { k, suppressionPpm, prosecutorPpm, contributorsMin, recipients, purposes } = terms
  if (k < 2 || suppressionPpm > PPM || prosecutorPpm > PPM || prosecutorPpm < 1 || contributorsMin < 1) return false
  if (recipients.some((member, i) => i > 0 && member <= recipients[i - 1]!) || purposes.some((each, i) => purposes.indexOf(each) !== i)) return false
  return modeFits(terms) && recipients.every((member) => context.get(members, member) !== undefined)
}

/** Puts a data set, or its next version, on the ledger: the hash of its definition, its policy in numbers, whom it serves. */
export const define = call({
  args: anonymizationCalls.define,
  check(context, { dataset, version, terms }) {
    if (context.caller.kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    const head = context.get(datasets, dataset)
    if (head !== undefined && head.owner !== context.caller.member) return refuse('DATASET_NOT_OWNED')
    if (version !== (head?.latest ?? 0) + 1) return refuse('DATASET_VERSION_NOT_NEXT')
    return termsFit(context, terms) ? pass(head) : refuse('DATASET_TERMS_INVALID')
  },
  apply(context, { dataset, version, terms }, head) {
    const owner = context.caller.member
    context.put(datasets, [dataset], { owner, latest: version, accepted: head?.accepted ?? 0 })
    context.put(datasetVersions, [dataset, version], terms)
    context.emit('defined', anonymizationEvents.defined, { dataset, version, owner, definition: terms.definition })
  },
})

/** Asks for a release, and announces the decision: `OK` for permits and denials alike. */
export const request = call({
  args: anonymizationCalls.request,
  check(context, { dataset, version, purpose }) {
    if (context.get(datasets, dataset)?.latest !== version) return refuse('DATASET_UNKNOWN')
    const terms = context.get(datasetVersions, dataset, version)
    return pass(terms !== undefined && isAdmitted(context, terms, purpose))
  },
  apply(context, { dataset, version, purpose, detailsHash }, permitted) {
    const { account: requester, member } = context.caller
    const { timeMs } = context.block
    const id = context.transactionId
    const until = permitted ? timeMs + REQUEST_MS : timeMs
    if (permitted) context.put(releaseRequests, [id], { dataset, version, requester, member, purpose, until, contributors: [], persons: 0, lastSelection: 0n, release: NO_RELEASE })
    context.emit('requested', anonymizationEvents.requested, { request: id, dataset, version, requester, purpose, decision: permitted ? 'permit' : 'deny', until, detailsHash })
  },
})
