import { anonymizationCalls, anonymizationEvents, answerKey } from '../../primitives/calls/anonymization.ts'
import { call, pass, refuserOf } from '../runtime/contract.ts'
import { isAdmitted } from './admission.ts'
import { ANONYMIZATION_CODES } from './codes.ts'
import { aggregateSites, answers, budgets, contributions, datasets, datasetVersions } from './tables.ts'

const refuse = refuserOf(ANONYMIZATION_CODES)
const NO_SITES: { readonly members: readonly number[]; readonly closed: boolean } = { members: [], closed: false }

/** An institution joins those that answer aggregates of a data set, and commits to its table. */
export const contribute = call({
  args: anonymizationCalls.contribute,
  check(context, { dataset, version, persons }) {
    const { kind, member } = context.caller
    if (kind !== 'institution') return refuse('INSTITUTION_NEEDED')
    if (context.get(datasets, dataset)?.latest !== version) return refuse('DATASET_UNKNOWN')
    const sites = context.get(aggregateSites, dataset, version) ?? NO_SITES
    if (sites.members.includes(member)) return refuse('CONTRIBUTED_TWICE')
    if (sites.closed) return refuse('CONTRIBUTIONS_CLOSED')
    return persons >= context.get(datasetVersions, dataset, version)!.k ? pass(sites) : refuse('CONTRIBUTION_SMALL')
  },
  apply(context, { dataset, version, persons, original }, sites) {
    const { member } = context.caller
    context.put(aggregateSites, [dataset, version], { members: [...sites.members, member].sort((a, b) => a - b), closed: false })
    context.put(contributions, [dataset, version, member], { persons, original, height: context.block.height })
    context.emit('contributed', anonymizationEvents.contributed, { dataset, version, member, persons, original })
  },
})

/**
 * Pays for one noisy answer before it is given. Noise is keyed by the answer, so the recipient pays once, however often and through whomever it asks
 * (averaging gains nothing); what is spent never comes back.
 */
export const spend = call({
  args: anonymizationCalls.spend,
  check(context, args) {
    const { dataset, version, purpose, epsilon } = args
    if (epsilon < 1) return refuse('EPSILON_INVALID')
    const head = context.get(datasets, dataset)
    const terms = head?.latest === version ? context.get(datasetVersions, dataset, version) : undefined
    if (head === undefined || terms === undefined || !isAdmitted(context, terms, purpose)) return refuse('QUERY_NOT_PERMITTED')
    const { members: sites } = context.get(aggregateSites, dataset, version) ?? NO_SITES
    if (sites.length < terms.contributorsMin) return refuse('SITES_TOO_FEW')
    const answer = answerKey(args)
    const spent = context.get(budgets, dataset, purpose, context.caller.member) ?? 0
    const charged = context.get(answers, answer, context.caller.member) === undefined ? epsilon : 0
    return spent + charged > terms.budget ? refuse('BUDGET_EXHAUSTED') : pass({ owner: head.owner, sites, answer, charged, spent: spent + charged, left: terms.budget - spent - charged })
  },
  apply(context, { dataset, version, purpose, query, mechanism, epsilon }, { owner, sites, answer, charged, spent, left }) {
    const { account: requester, member: recipient } = context.caller
    if (charged > 0) {
      context.put(aggregateSites, [dataset, version], { members: [...sites], closed: true })
      context.put(budgets, [dataset, purpose, recipient], spent)
      context.put(answers, [answer, recipient], context.block.height)
    }
    context.emit('spent', anonymizationEvents.spent, { dataset, version, purpose, requester, recipient, owner, sites: [...sites], query, mechanism, epsilon, answer, charged, left })
  },
})
