import { anonymizationCalls, anonymizationEvents } from '../../primitives/calls/anonymization.ts'
import { equalBytes } from '../../primitives/bytes.ts'
import { call, pass, refuserOf } from '../runtime/contract.ts'
import type { CheckContext } from '../runtime/contract.ts'
import { ANONYMIZATION_CODES } from './codes.ts'
import { NO_RELEASE } from './data-sets.ts'
import { figuresFault } from './figures.ts'
import { datasets, datasetVersions, releaseRequests, releases, selections } from './tables.ts'
import type { ReleaseRequest } from './tables.ts'

const refuse = refuserOf(ANONYMIZATION_CODES)

/** The request when it is permitted, has not ended, and its data-set version is still the newest. */
function openRequest(context: CheckContext, id: Uint8Array): ReleaseRequest | undefined {
  const found = context.get(releaseRequests, id)
  if (found === undefined || context.block.timeMs >= found.until) return undefined
  return context.get(datasets, found.dataset)?.latest === found.version ? found : undefined
}

/** An institution commits to its persons and their rows before anything is computed from them. */
export const select = call({
  args: anonymizationCalls.select,
  check(context, { request, persons }) {
    if (context.caller.kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    const open = openRequest(context, request)
    if (open === undefined) return refuse('REQUEST_NOT_OPEN')
    if (!equalBytes(open.release, NO_RELEASE)) return refuse('RELEASE_AWAITS_VERDICT')
    if (open.contributors.includes(context.caller.member)) return refuse('SELECTION_TWICE')
    // Sums of persons stay far below 2^32, as every selection does.
    return persons >= 1 && persons <= 50_000_000 ? pass(open) : refuse('SELECTION_EMPTY')
  },
  apply(context, { request, persons, selection, original }, open) {
    const { member } = context.caller
    const { height } = context.block
    const contributors = [...open.contributors, member].sort((a, b) => a - b)
    context.put(releaseRequests, [request], { ...open, contributors, persons: open.persons + persons, lastSelection: height })
    context.put(selections, [request, member], { persons, selection, original, height })
    context.emit('selected', anonymizationEvents.selected, { request, member, persons, selection, original })
  },
})

/** Claims a release. What its own figures contradict is refused here; what only the rows can show, the members judge. */
export const release = call({
  args: anonymizationCalls.release,
  check(context, { request, readAtHeight, figures }) {
    if (context.caller.kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    const open = openRequest(context, request)
    if (open === undefined) return refuse('REQUEST_NOT_OPEN')
    const { member } = context.caller
    if (!open.contributors.includes(member) && context.get(datasets, open.dataset)?.owner !== member) return refuse('AUTHOR_NOT_CONTRIBUTOR')
    if (!equalBytes(open.release, NO_RELEASE)) return refuse('RELEASE_AWAITS_VERDICT')
    const terms = context.get(datasetVersions, open.dataset, open.version)!
    if (open.contributors.length < terms.contributorsMin) return refuse('CONTRIBUTORS_TOO_FEW')
    if (readAtHeight >= context.block.height || readAtHeight < open.lastSelection) return refuse('READ_HEIGHT_INVALID')
    const fault = figuresFault(figures, terms, open.persons)
    return fault === undefined ? pass(open) : refuse(fault)
  },
  apply(context, { request, release: hash, document, readAtHeight, figures }, open) {
    const id = context.transactionId
    const author = context.caller.member
    const { dataset, version } = open
    context.put(releases, [id], { request, dataset, version, author, hash, document, readAtHeight, figures, height: context.block.height, timeMs: context.block.timeMs, state: 'open', sound: 0, faulty: 0 })
    context.put(releaseRequests, [request], { ...open, release: id })
    context.emit('released', anonymizationEvents.released, { release: id, request, author, hash, document, figures })
  },
})
