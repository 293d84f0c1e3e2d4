import { Type } from 'typebox'
import type { Static } from 'typebox'
import { accountId, blobId, hash, height, hexBytes, hexUpTo, memberNumber, nodeNumber, nullable, oneOf, record, recordId, timeMs, transactionId, u64 } from '../schema.ts'

const section = record({
  commitment: hash('commitment to the section'), blob: blobId, size: u64('ciphertext bytes'),
  class: oneOf(['clinical', 'summary', 'imaging', 'device', 'claim', 'research', 'genomic']),
  confidentiality: oneOf(['U', 'L', 'M', 'N', 'R', 'V']),
  tags: Type.Array(hexBytes(16, 'opaque tag')),
})

/** One registered version of a record: commitments and labels only. Section 0 is the descriptor. */
export const recordVersion = record({
  record: recordId, version: Type.Integer({ minimum: 1 }), subject: accountId, sections: Type.Array(section), custodians: Type.Array(memberNumber),
  provenance: record({ activity: oneOf(['create', 'import', 'correct', 'append']), author: hexBytes(16, 'opaque tag'), source: hexBytes(16, 'opaque tag'), recordedAt: timeMs }),
  receipts: Type.Array(record({ node: nodeNumber, signature: hexBytes(64, 'storage receipt') })),
  registeredBy: nullable(transactionId), registeredAt: height,
  bundle: nullable(hexUpTo(2 * 1024 * 1024, 'receipt bundle of the registration: verifies offline; null until final, and where this node has pruned the block')),
})
export type RecordVersion = Static<typeof recordVersion>
