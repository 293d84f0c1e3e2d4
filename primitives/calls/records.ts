import { array, bytes, fixedBytes, oneOf, struct, u32, u64 } from '../codec.ts'
import type { Infer } from '../codec.ts'
import { u32Bytes, u64Bytes, concatBytes } from '../bytes.ts'
import { domainBytes } from '../hash.ts'
import { accountId, hash32, memberId, nodeId, signature64 } from '../ids.ts'
import { coarseClass, confidentiality, sectionTags, tag } from './labels.ts'

/** Limits of one record version, in counts. */
export const RECORD_LIMITS = { sectionsMax: 64, custodiansMax: 64, receiptsMax: 64 } as const

/** One section: what stands on the ledger about it. `size`: bytes of ciphertext. `capsule` is empty until threshold release exists. */
export const section = struct({
  commitment: hash32, blob: hash32, size: u64, class: coarseClass, confidentiality, tags: sectionTags, capsule: bytes({ max: 0 }),
})
export type Section = Infer<typeof section>

export const provenance = struct({ activity: oneOf('create', 'import', 'correct', 'append'), author: tag, source: tag, recordedAt: u64 })
export type Provenance = Infer<typeof provenance>

/** One node's word that it stores every blob of the version; signed with its attestation key over `storageReceiptBytes`. */
export const storageReceipt = struct({ node: nodeId, signature: signature64 })

/** Arguments of the `records` calls. Section 0 is the descriptor, which the verb `query` opens. `version` counts from 1. */
export const recordsCalls = {
  register: struct({
    record: fixedBytes(32), version: u32, subject: accountId,
    sections: array(section, { min: 1, max: RECORD_LIMITS.sectionsMax }),
    custodians: array(memberId, { min: 1, max: RECORD_LIMITS.custodiansMax }),
    provenance, receipts: array(storageReceipt, { min: 1, max: RECORD_LIMITS.receiptsMax }),
  }),
} as const
export type RegisterArgs = Infer<typeof recordsCalls.register>

export const recordsEvents = {
  registered: struct({ record: fixedBytes(32), version: u32, subject: accountId, member: memberId }),
} as const

/** Bytes under a storage receipt: domain ‖ chain ‖ record ‖ version ‖ (blob ‖ size) of every section, in order. */
export function storageReceiptBytes(chain: Uint8Array, record: Uint8Array, version: number, sections: readonly Pick<Section, 'blob' | 'size'>[]): Uint8Array {
  return domainBytes('storage-receipt', chain, record, u32Bytes(version), concatBytes(...sections.flatMap(({ blob, size }) => [blob, u64Bytes(size)])))
}
