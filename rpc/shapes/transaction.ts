import { Type } from 'typebox'
import type { Static } from 'typebox'
import { asOf, height, hexUpTo, nodeNumber, nullable, oneOf, record, slug, transactionId } from '../schema.ts'

/**
 * What is known of a transaction. `unknown` says nothing either way. `included` is in a block that is not committed yet; `failed` is in a
 * block, without effect; `expired` can no longer be included. Refusals at the door are errors, not statuses: another node may take it.
 */
export const TX_STATUSES = ['unknown', 'pending', 'included', 'committed', 'final', 'failed', 'expired'] as const

export const txStatus = record({
  id: transactionId,
  status: oneOf(TX_STATUSES),
  height: nullable(height),
  position: nullable(Type.Integer({ minimum: 0, maximum: 0xffff_ffff, description: 'place in the block, from 0' })),
  code: nullable(slug),
  final: Type.Boolean({ description: 'the block is certified by a quorum of members; true of failed ones too' }),
  asOf,
}, 'what the node knows of a transaction')
export type TxStatus = Static<typeof txStatus>

/**
 * What came of a cancellation. No member that answered `withdrawn` or `absent` includes the transaction any more, unless it restarts and is sent the bytes again; only `expired` is certain.
 */
export const txCancellation = record({
  id: transactionId,
  outcome: oneOf(['withdrawn', 'partly', 'tooLate', 'unknown']),
  nodes: Type.Array(record({ node: nodeNumber, answer: oneOf(['withdrawn', 'absent', 'included', 'committed', 'silent']) }), { maxItems: 64, description: 'what each voter said' }),
  asOf,
})
export type TxCancellation = Static<typeof txCancellation>

/** A receipt, decoded for reading; the proof is in `bundle`. */
export const txReceipt = record({
  id: transactionId,
  status: oneOf(['included', 'committed', 'final', 'failed']),
  height,
  position: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
  code: slug,
  cost: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
  events: Type.Array(record({ contract: slug, name: slug, data: Type.String({ pattern: '^(?:[0-9a-f]{2})*$', description: 'bytes of the event in its own schema' }) })),
  bundle: nullable(hexUpTo(2 * 1024 * 1024, 'receipt bundle: verifies offline, with no node; null until the block is final')),
  asOf,
})
export type TxReceipt = Static<typeof txReceipt>
