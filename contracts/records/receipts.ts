import { storageReceiptBytes } from '../../primitives/calls/records.ts'
import type { RegisterArgs } from '../../primitives/calls/records.ts'
import type { SignatureItem } from '../../primitives/signature.ts'
import { nodes, rosterTable } from '../membership/tables.ts'
import type { CheckContext } from '../runtime/contract.ts'
import type { Reader } from '../runtime/table.ts'
import type { RECORDS_CODES } from './codes.ts'

/** The storage receipts' signatures; those of unknown nodes are left out and refused by the check. */
export function receiptProofs(reader: Reader, chain: Uint8Array, args: RegisterArgs): SignatureItem[] {
  const message = storageReceiptBytes(chain, args.record, args.version, args.sections)
  return args.receipts.flatMap(({ node, signature }) => {
    const publicKey = reader.get(nodes, node)?.attestationKey
    return publicKey === undefined ? [] : [{ publicKey, message, signature }]
  })
}

/**
 * Whether the version is stored: receipts from nodes of at least R distinct members (R = the chain's replication, or all members if fewer),
 * each signature good, every custodian among them.
 */
export function receiptFault(context: CheckContext, args: RegisterArgs): keyof typeof RECORDS_CODES | undefined {
  const seen = new Set<number>()
  const holders = new Set<number>()
  for (const { node } of args.receipts) {
    if (seen.has(node)) return 'RECEIPT_DUPLICATE'
    seen.add(node)
    const found = context.get(nodes, node)
    if (found === undefined) return 'RECEIPT_NODE_UNKNOWN'
    holders.add(found.member)
  }
  const members = context.get(rosterTable)?.members.length ?? 0
  if (holders.size < Math.min(context.block.parameters.replication, members)) return 'RECEIPTS_TOO_FEW'
  if (args.custodians.some((member) => !holders.has(member))) return 'CUSTODIAN_WITHOUT_RECEIPT'
  return receiptProofs(context, context.block.chainId, args).every((item) => context.verified(item)) ? undefined : 'RECEIPT_INVALID'
}
