import { array, bytes, decode, encode, fixedBytes, fromJson, optional, struct, toJson, u32 } from './codec.ts'
import type { Infer } from './codec.ts'
import { compareBytes, equalBytes, toHex, utf8Bytes } from './bytes.ts'
import { blockHashOf, decodeHeader } from './block.ts'
import type { BlockHeader } from './block.ts'
import { certificateSchema } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { SteleError } from './error.ts'
import { hash } from './hash.ts'
import { leafHash, verifyInclusion } from './merkle.ts'
import type { MemberSet } from './member-set.ts'
import { isSuperseded, memberSetAt, memberSetLinks } from './member-history.ts'
import type { MemberPeriod } from './member-history.ts'
import { periodsFrom, proofStart } from './proof-anchor.ts'
import type { ProofAnchor } from './proof-anchor.ts'
import { receiptSchema, verifyFinality } from './receipt.ts'
import type { Receipt } from './receipt.ts'
import { STATE_BUNDLE_LIMITS } from './state-bundle.ts'
import { stateProofSchema, verifyStateProof } from './state-proof.ts'

/** Limit of a proof bundle's text, in bytes. */
export const PROOF_BUNDLE_LIMITS = { textBytesMax: 8 * 1024 * 1024 } as const

const header = bytes({ max: 2048 })
const hashPath = array(fixedBytes(32), { max: 64 })
/** An earlier block than the certified one, with its path in that one's history; null: the certified block itself. */
const earlier = optional(struct({ header, path: hashPath }))

/**
 * One file that proves what a transaction did, what the state held under a key (or that it held nothing), or both, from a genesis or a pinned checkpoint to the certificate:
 * `start` (null: genesis) and `links` lead to the member set that signed the `certified` block. docs/spec/proofs.md.
 */
export const proofBundle = struct({
  v: u32, chain: fixedBytes(32), start: optional(proofStart), links: memberSetLinks,
  certified: struct({ header, certificate: certificateSchema }),
  receipt: optional(struct({ block: earlier, receipt: bytes({ max: 1024 * 1024 }), position: u32, path: hashPath })),
  state: optional(struct({ block: earlier, key: bytes({ max: STATE_BUNDLE_LIMITS.keyBytesMax }), value: optional(bytes({ max: STATE_BUNDLE_LIMITS.valueBytesMax })), proof: stateProofSchema })),
})
export type ProofBundle = Infer<typeof proofBundle>

/** What a valid bundle shows. `value` undefined: the key had none. */
export interface ProvenBundle {
  readonly chain: Uint8Array
  readonly certified: BlockHeader
  readonly certificate: Certificate
  /** The set that signed the certificate, and how many changes of members, recoveries among them, the bundle proves. */
  readonly members: MemberSet
  readonly memberChanges: number
  readonly receipt?: ProvenBlock & { readonly receipt: Receipt }
  readonly state?: ProvenBlock & { readonly key: Uint8Array; readonly value: Uint8Array | undefined }
}
/** The block of a part. `superseded`: a recovery named in the bundle gave its height up; what it says was final once and is no more (DESIGN §5.11). */
export interface ProvenBlock { readonly header: BlockHeader; readonly superseded: boolean }

/**
 * What a file holds: the bundle, and a digest over its text. The digest authenticates nothing, the certificate does; without it a damaged key would turn the proof that one
 * key is absent into a proof, just as true, that another one is.
 */
const proofText = struct({ bundle: proofBundle, digest: fixedBytes(32) })

/** The one text of a bundle: JSON with members in byte order and no white space, bytes as lower-case hex, one line feed at the end. */
export function encodeProofText(bundle: ProofBundle): string {
  encode(proofBundle, bundle) // Refuses what no verifier would read.
  return textOf(bundle).text
}

function textOf(bundle: ProofBundle): { readonly text: string; readonly digest: Uint8Array } {
  const inner = JSON.stringify(toJson(proofBundle, bundle))
  const digest = hash('proof-bundle', bundle.chain, utf8Bytes(inner))
  return { text: `{"bundle":${inner},"digest":"${toHex(digest)}"}\n`, digest }
}

/** Reads a bundle's text. Only the very bytes `encodeProofText` writes are accepted, so that no byte of a file is without meaning; the last line feed may be missing. Throws CODEC_*. */
export function decodeProofText(text: Uint8Array): ProofBundle {
  if (text.length > PROOF_BUNDLE_LIMITS.textBytesMax) throw new SteleError({ code: 'CODEC_TOO_LARGE', message: 'more bytes than a proof bundle may have', details: { bytes: text.length, bytesMax: PROOF_BUNDLE_LIMITS.textBytesMax } })
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text))
  } catch (cause) {
    throw new SteleError({ code: 'CODEC_MALFORMED', message: 'the proof bundle is not JSON in UTF-8', cause })
  }
  const { bundle, digest } = fromJson(proofText, json)
  const own = textOf(bundle)
  const canonical = utf8Bytes(own.text)
  if (!equalBytes(own.digest, digest)) throw new SteleError({ code: 'PROOF_DIGEST_MISMATCH', message: 'the proof bundle is not as it was written', details: { digest: toHex(digest), computed: toHex(own.digest) } })
  if (compareBytes(canonical, text) !== 0 && compareBytes(canonical.subarray(0, -1), text) !== 0) {
    throw new SteleError({ code: 'CODEC_NOT_CANONICAL', message: 'the proof bundle is not the canonical text of its content; save it as it was given' })
  }
  return bundle
}

/**
 * Verifies a bundle offline, from what the verifier trusts. Throws PROOF_*, HISTORY_*, RECOVERY_*, CERTIFICATE_* or CODEC_*; nothing of a bundle that throws is proven.
 */
export function verifyProofBundle(anchor: ProofAnchor, bundle: ProofBundle): ProvenBundle {
  const { chain, links, certified: { header: certifiedBytes, certificate } } = bundle
  if (bundle.v !== 1) throw new SteleError({ code: 'PROOF_VERSION_UNKNOWN', message: 'this verifier does not know this bundle version', details: { version: bundle.v } })
  if (bundle.receipt === null && bundle.state === null) throw new SteleError({ code: 'PROOF_EMPTY', message: 'the bundle has neither a receipt nor a state proof' })
  const periods = periodsFrom(anchor, bundle)
  const { epoch, height } = decodeHeader(certifiedBytes)
  const { set: members } = memberSetAt(periods, epoch, height)
  const certified = verifyFinality(chain, members, certifiedBytes, { certificate, descendant: null })
  const context = { chain, certified, periods }
  return {
    chain, certified, certificate, members, memberChanges: links.length,
    ...(bundle.receipt !== null && { receipt: proveReceipt(bundle.receipt, context) }),
    ...(bundle.state !== null && { state: proveState(bundle.state, context) }),
  }
}

interface Context { readonly chain: Uint8Array; readonly certified: BlockHeader; readonly periods: readonly MemberPeriod[] }

/** The block of one part: the certified one, or one that its history contains. */
function blockOf(block: Infer<typeof earlier>, { chain, certified, periods }: Context): ProvenBlock {
  const own = block === null ? certified : decodeHeader(block.header)
  if (own.v !== 1) throw new SteleError({ code: 'PROOF_VERSION_UNKNOWN', message: 'this verifier does not know this header version', details: { version: own.v } })
  if (block !== null && !verifyInclusion(Number(own.height), Number(certified.height), leafHash(blockHashOf(chain, block.header)), block.path, certified.historyRoot)) {
    throw new SteleError({ code: 'PROOF_NOT_AN_ANCESTOR', message: 'the block is not in the history of the certified one', details: { height: Number(own.height), certified: Number(certified.height) } })
  }
  return { header: own, superseded: isSuperseded(periods, certified.epoch, own.height) }
}

function proveReceipt(part: NonNullable<ProofBundle['receipt']>, context: Context): NonNullable<ProvenBundle['receipt']> {
  const block = blockOf(part.block, context)
  const receipt = decode(receiptSchema, part.receipt)
  if (receipt.position !== part.position || !verifyInclusion(part.position, block.header.count, leafHash(part.receipt), part.path, block.header.eventRoot)) {
    throw new SteleError({ code: 'PROOF_LEAF_NOT_IN_BLOCK', message: 'the receipt is not in the block it names', details: { height: Number(block.header.height), position: part.position, transaction: toHex(receipt.tx) } })
  }
  return { ...block, receipt }
}

function proveState({ block: at, key, value, proof }: NonNullable<ProofBundle['state']>, context: Context): NonNullable<ProvenBundle['state']> {
  const block = blockOf(at, context)
  if (!verifyStateProof(block.header.stateRoot, key, value ?? undefined, proof)) {
    throw new SteleError({ code: 'PROOF_STATE_INVALID', message: 'the state proof does not meet the state root of its block', details: { height: Number(block.header.height) } })
  }
  return { ...block, key, value: value ?? undefined }
}
