import { anonymizationCalls, anonymizationEvents } from '../../primitives/calls/anonymization.ts'
import { readRoster } from '../membership/members.ts'
import { call, pass, refuserOf } from '../runtime/contract.ts'
import { ANONYMIZATION_CODES } from './codes.ts'
import { NO_RELEASE } from './data-sets.ts'
import { isAccepted, isRefused } from './figures.ts'
import { enterRegistry, isCompared } from './registry.ts'
import { acceptedReleases, challenges, comparisons, datasets, datasetVersions, releaseAttestations, releaseRequests, releases } from './tables.ts'

const refuse = refuserOf(ANONYMIZATION_CODES)

/** Asks the author to open rows: the seed is on the ledger after the claim, so that the author could not know which rows they would be. */
export const challenge = call({
  args: anonymizationCalls.challenge,
  check(context, { release: id }) {
    if (context.caller.kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    const found = context.get(releases, id)
    if (found === undefined) return refuse('RELEASE_UNKNOWN')
    if (context.get(datasetVersions, found.dataset, found.version)!.openings === 0 || found.author === context.caller.member) return refuse('CHALLENGE_NEEDLESS')
    if (context.get(challenges, id, context.caller.member) !== undefined) return refuse('CHALLENGED_ALREADY')
    return found.state === 'open' ? pass(found) : refuse('RELEASE_DECIDED')
  },
  apply(context, { release: id, seed }) {
    const { member } = context.caller
    context.put(challenges, [id, member], { seed, height: context.block.height })
    context.emit('challenged', anonymizationEvents.challenged, { release: id, member, seed })
  },
})

/**
 * A member's verdict after checking the release off the path of blocks (DESIGN §5.10). More than two thirds of all members make it accepted; so many
 * faults that this cannot happen any more make it refused, with its author named and the request open for another try.
 */
export const attest = call({
  args: anonymizationCalls.attest,
  check(context, { release: id, verdict }) {
    if (context.caller.kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    const found = context.get(releases, id)
    if (found === undefined) return refuse('RELEASE_UNKNOWN')
    const round = context.get(comparisons, id)?.round ?? 0
    if (context.get(releaseAttestations, id, context.caller.member)?.round === round) return refuse('ATTESTED_ALREADY')
    if (found.state !== 'open') return refuse('RELEASE_DECIDED')
    if (verdict === 'sound' && !isCompared(context, id, context.get(releaseRequests, found.request)!.contributors)) return refuse('OVERLAP_UNDECLARED')
    return pass({ found, round })
  },
  apply(context, { release: id, verdict }, { found, round }) {
    const { member } = context.caller
    const members = readRoster(context).members.length
    const sound = found.sound + (verdict === 'sound' ? 1 : 0)
    const faulty = found.faulty + (verdict === 'sound' ? 0 : 1)
    const state = isAccepted(sound, members) ? 'accepted' : isRefused(faulty, members) ? 'refused' : 'open'
    context.put(releaseAttestations, [id, member], { verdict, height: context.block.height, round })
    context.put(releases, [id], { ...found, sound, faulty, state })
    context.emit('attested', anonymizationEvents.attested, { release: id, member, verdict })
    const { dataset, version, author, hash, request } = found
    if (state === 'accepted') {
      const head = context.get(datasets, dataset)!
      context.put(acceptedReleases, [dataset, head.accepted], id)
      context.put(datasets, [dataset], { ...head, accepted: head.accepted + 1 })
      enterRegistry(context, id, found)
      context.emit('accepted', anonymizationEvents.accepted, { release: id, dataset, version, author, hash })
    }
    if (state === 'refused') {
      const asked = context.get(releaseRequests, request)!
      context.put(releaseRequests, [request], { ...asked, release: NO_RELEASE })
      context.emit('refused', anonymizationEvents.refused, { release: id, dataset, version, author, verdict })
    }
  },
})
