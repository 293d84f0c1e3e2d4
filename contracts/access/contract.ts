import { accessCalls, decisionEvent } from '../../primitives/calls/access.ts'
import { decode } from '../../primitives/codec.ts'
import { hash } from '../../primitives/hash.ts'
import { call, defineContract, pass, refuserOf } from '../runtime/contract.ts'
import { ACCESS_CODES } from './codes.ts'
import { decide } from './decision.ts'
import { gatherFacts } from './facts.ts'

const refuse = refuserOf(ACCESS_CODES)

/** Cost units of a request: for the most that a decision may read, so that the receipt does not tell what there was to read. */
export const REQUEST_COST = { base: 4000, perSection: 400 } as const

/**
 * Decides, and announces the decision: it is the audit entry, for permits and denials alike. Always `OK` when well-formed; writes no state.
 * A denial for want of consent and one for want of the record differ in nothing: same code, event, sizes, cost, writes.
 */
const request = call({
  args: accessCalls.request,
  fixedCost: ({ sections }) => REQUEST_COST.base + REQUEST_COST.perSection * sections.length,
  check(context, args) {
    if (args.sections.some((number, i) => i > 0 && number <= args.sections[i - 1]!)) return refuse('SECTIONS_UNORDERED')
    const { timeMs, parameters } = context.block
    const { version, facts } = gatherFacts({ reader: context, timeMs, parameters, readerKeyInUse: context.isClaimed(args.readerKey) }, context.caller.account, args)
    return pass({ version, decision: decide(facts) })
  },
  apply(context, args, { version, decision }) {
    const { subject, record, sections, action, purpose, readerKey, detailsHash } = args
    const common = { request: context.transactionId, requester: context.caller.account, subject, record, sections, action, purpose, readerKey, detailsHash }
    context.emit('decision', decisionEvent, decision.decision === 'permit'
      ? { ...common, version, decision: 'permit', basis: decision.basis, until: decision.untilMs }
      : { ...common, version: args.version, decision: 'deny', basis: hash('deny-basis', context.transactionId), until: context.block.timeMs })
  },
})

/** Who may open what. */
export const access = defineContract({
  name: 'access', version: 1, codes: ACCESS_CODES, calls: { request },
  // A reader key serves one live permit; denied requests reserve nothing, so nobody spoils a key by being refused with it.
  claims(event, data) {
    if (event !== 'decision') return []
    const { decision, readerKey, until } = decode(decisionEvent, data)
    return decision === 'permit' ? [{ key: readerKey, untilMs: until }] : []
  },
})
