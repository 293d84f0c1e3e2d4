import { compareBytes, equalBytes } from '../../primitives/bytes.ts'
import { recordsCalls, recordsEvents } from '../../primitives/calls/records.ts'
import type { RegisterArgs } from '../../primitives/calls/records.ts'
import { TAGS_PER_SECTION } from '../../primitives/calls/labels.ts'
import { COST } from '../runtime/cost.ts'
import { call, defineContract, pass, refuserOf } from '../runtime/contract.ts'
import { RECORDS_CODES } from './codes.ts'
import { mayRegister } from './permission.ts'
import { receiptFault, receiptProofs } from './receipts.ts'
import { recordCounts, recordLists, records, sections, versions } from './tables.ts'

const refuse = refuserOf(RECORDS_CODES)

/** How far ahead of block time a source system's clock may stamp a record. */
const SOURCE_CLOCK_TOLERANCE_MS = 600_000n

/** Cost units of a registration, from its arguments alone, so that a refusal does not tell what exists. */
export const REGISTER_COST = { base: 12_000, perSection: COST.write + 500, perReceipt: COST.proof + COST.read } as const

/** What can be judged from the arguments and block time, before anything is read. */
function shapeFault(args: RegisterArgs, timeMs: bigint): keyof typeof RECORDS_CODES | undefined {
  if (args.sections.some(({ tags }) => tags.length % TAGS_PER_SECTION.step !== 0 || tags.some((tag, i) => i > 0 && compareBytes(tags[i - 1]!, tag) >= 0))) return 'TAGS_UNORDERED'
  if (args.custodians.some((member, i) => i > 0 && member <= args.custodians[i - 1]!)) return 'CUSTODIANS_UNORDERED'
  const { activity, recordedAt } = args.provenance
  if (activity !== 'import' && (activity === 'create') !== (args.version === 1)) return 'PROVENANCE_MISMATCH'
  return recordedAt > timeMs + SOURCE_CLOCK_TOLERANCE_MS ? 'PROVENANCE_IN_FUTURE' : undefined
}

/** Puts one version of a record on the ledger: commitments, labels, custodians, provenance. Versions are only ever added. */
const register = call({
  args: recordsCalls.register,
  proofs: (reader, { chainId }, args) => receiptProofs(reader, chainId, args),
  fixedCost: ({ sections: list, receipts }) => REGISTER_COST.base + REGISTER_COST.perSection * list.length + REGISTER_COST.perReceipt * receipts.length,
  check(context, args) {
    const shape = shapeFault(args, context.block.timeMs)
    if (shape !== undefined) return refuse(shape)
    if (!mayRegister(context, args)) return refuse('REGISTER_NOT_PERMITTED')
    const known = context.get(records, args.record)
    // One code for a wrong number and for another patient's record: a writer for one patient learns nothing about others.
    const next = known === undefined ? 1 : equalBytes(known.subject, args.subject) ? known.latest + 1 : 0
    if (args.version !== next) return refuse('VERSION_NOT_NEXT')
    const fault = receiptFault(context, args)
    return fault === undefined ? pass(known === undefined) : refuse(fault)
  },
  apply(context, args, isNew) {
    const { record, version, subject, custodians, provenance } = args
    const { height, timeMs } = context.block
    context.put(records, [record], { subject, latest: version })
    context.put(versions, [record, version], {
      sectionCount: args.sections.length, custodians, nodes: args.receipts.map(({ node }) => node), provenance, registrar: context.caller.account, height, timeMs,
    })
    args.sections.forEach((section, number) => context.put(sections, [record, version, number], section))
    if (isNew) {
      const count = context.get(recordCounts, subject) ?? 0
      context.put(recordLists, [subject, count], record)
      context.put(recordCounts, [subject], count + 1)
    }
    context.emit('registered', recordsEvents.registered, { record, version, subject, member: context.caller.member })
  },
})

/** What exists, where it is kept, and how to recognise it. */
export const recordsContract = defineContract({ name: 'records', version: 1, codes: RECORDS_CODES, calls: { register } })
