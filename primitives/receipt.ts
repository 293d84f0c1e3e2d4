import { equalBytes } from './bytes.ts'
import { blockHashOf, decodeHeader } from './block.ts'
import type { BlockHeader } from './block.ts'
import { certificateSchema, verifyCertificate } from './certificate.ts'
import { array, bytes, decode, fixedBytes, optional, struct, text, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { SteleError } from './error.ts'
import { leafHash, verifyInclusion } from './merkle.ts'
import type { MemberSet } from './member-set.ts'

const name = text({ max: 48, pattern: /^[A-Za-z][A-Za-z0-9_]{0,47}$/ })

/**
 * What members agree a transaction did: a leaf of its block's event tree, canonical bytes.
 * `code` is `OK` or the contract's code; `cost` in cost units; events in the order they were emitted, `data` in the event's own schema.
 */
export const receiptSchema = struct({
  tx: fixedBytes(32), position: u32, code: name, cost: u32,
  events: array(struct({ contract: name, name, data: bytes({ max: 16 * 1024 }) }), { max: 64 }),
})
export type Receipt = Infer<typeof receiptSchema>

const hashPath = array(fixedBytes(32), { max: 64 })

/** Shows that `header` is certified, by itself or as an ancestor: the later header's history root contains its hash. */
export const finalitySchema = struct({
  certificate: certificateSchema,
  /** The certified header and the path of the proven block in its history; null when the proven block itself is certified. */
  descendant: optional(struct({ header: bytes({ max: 2048 }), path: hashPath })),
})
export type Finality = Infer<typeof finalitySchema>

/** Everything needed to check a receipt with no node at all. The size of the event tree is `count` of the header. */
export const receiptBundle = struct({
  v: u32, chain: fixedBytes(32), receipt: bytes({ max: 1024 * 1024 }), position: u32, path: hashPath,
  header: bytes({ max: 2048 }), finality: finalitySchema, height: u64,
})
export type ReceiptBundle = Infer<typeof receiptBundle>

const refuse = (code: string, message: string, details: Record<string, unknown> = {}): never => {
  throw new SteleError({ code, message, details })
}

/** Checks that the block with these header bytes is final under `set`. Returns its header. Throws PROOF_* or CERTIFICATE_*. */
export function verifyFinality(chain: Uint8Array, set: MemberSet, headerBytes: Uint8Array, finality: Finality): BlockHeader {
  const header = decodeHeader(headerBytes)
  const { certificate, descendant } = finality
  const certifiedBytes = descendant === null ? headerBytes : descendant.header
  const certified = decodeHeader(certifiedBytes)
  for (const each of [header, certified]) {
    if (each.v !== 1) refuse('PROOF_VERSION_UNKNOWN', 'this verifier does not know this header version', { version: each.v })
    if (!equalBytes(each.chain, chain)) refuse('PROOF_WRONG_CHAIN', 'the header belongs to another chain')
  }
  const { content } = certificate
  if (!equalBytes(content.block, blockHashOf(chain, certifiedBytes)) || content.height !== certified.height || content.term !== certified.term || content.epoch !== certified.epoch || !equalBytes(content.stateRoot, certified.stateRoot) || !equalBytes(content.memberSet, certified.memberSet)) {
    refuse('PROOF_WRONG_BLOCK', 'the certificate is for another block', { height: Number(certified.height) })
  }
  if (descendant !== null && !verifyInclusion(Number(header.height), Number(certified.height), leafHash(blockHashOf(chain, headerBytes)), descendant.path, certified.historyRoot)) {
    refuse('PROOF_NOT_AN_ANCESTOR', 'the block is not in the history of the certified one', { height: Number(header.height), certified: Number(certified.height) })
  }
  verifyCertificate(chain, set, certificate) // Last: the hashes above cost a thousandth of its signatures.
  return header
}

/** Verifies a receipt offline: leaf → path → event root → header → certificate of `set`. Returns receipt and header; throws PROOF_*, CERTIFICATE_* or CODEC_*. */
export function verifyReceipt(chain: Uint8Array, set: MemberSet, bundle: ReceiptBundle): { readonly receipt: Receipt; readonly header: BlockHeader } {
  if (bundle.v !== 1) refuse('PROOF_VERSION_UNKNOWN', 'this verifier does not know this receipt version', { version: bundle.v })
  if (!equalBytes(bundle.chain, chain)) refuse('PROOF_WRONG_CHAIN', 'the receipt belongs to another chain')
  const receipt = decode(receiptSchema, bundle.receipt)
  const header = decodeHeader(bundle.header)
  if (header.height !== bundle.height) refuse('PROOF_WRONG_BLOCK', 'the receipt names another height than its header', { height: Number(bundle.height) })
  if (receipt.position !== bundle.position || !verifyInclusion(bundle.position, header.count, leafHash(bundle.receipt), bundle.path, header.eventRoot)) {
    refuse('PROOF_LEAF_NOT_IN_BLOCK', 'the receipt is not in the block it names', { height: Number(bundle.height), position: bundle.position })
  }
  return { receipt, header: verifyFinality(chain, set, bundle.header, bundle.finality) }
}
