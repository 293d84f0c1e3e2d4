import { concatBytes, equalBytes, u32Bytes } from '../primitives/bytes.ts'
import { array, bytes, decode, encode, fixedBytes, struct, text, u32 } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { hash } from '../primitives/hash.ts'
import type { Random } from '../primitives/ports.ts'
import { open, seal, SEAL_LIMITS } from './seal.ts'
import type { SealContext } from './seal.ts'
import { aesGcmDecrypt, aesGcmEncrypt, GCM_NONCE_BYTES, GCM_TAG_BYTES, importAesKey, plainBytes, requireLength } from './web-crypto.ts'

/** Lengths in UTF-16 units; the sealed text is padded to one of `bucketBytes`, so its length says at most which bucket. */
export const DETAILS_LIMITS = { whoMax: 256, deviceMax: 256, reasonMax: 2_000, recipientsMax: 8, bucketBytes: [512, 2_048, 8_192] } as const

const detailsSchema = struct({ who: text({ max: DETAILS_LIMITS.whoMax }), device: text({ max: DETAILS_LIMITS.deviceMax }), reason: text({ max: DETAILS_LIMITS.reasonMax }) })
/** Who asked, on which device, and why: for patient and auditor only, never on the ledger. */
export type AuditDetails = Infer<typeof detailsSchema>

const recipientSchema = struct({ key: fixedBytes(32), sealed: fixedBytes(32 + SEAL_LIMITS.overheadBytes) })
type Recipient = Infer<typeof recipientSchema>
const boxSchema = struct({
  v: u32,
  recipients: array(recipientSchema, { max: DETAILS_LIMITS.recipientsMax, min: 1 }),
  content: bytes({ max: DETAILS_LIMITS.bucketBytes[2] + GCM_TAG_BYTES }),
})

/** Which decision the details belong to; `section` 0 and the request's own reader key by convention. */
export type DetailsContext = Omit<SealContext, 'kind'>

/** hash('details', salt, canonical details): what the request carries. `salt` is 32 random bytes, drawn per request and sealed with the details. */
export function detailsHash(salt: Uint8Array, details: AuditDetails): Uint8Array {
  requireLength('SEAL_INPUT_INVALID', 'salt', salt, 32)
  return hash('details', salt, encode(detailsSchema, details))
}

/**
 * Seals details to every recipient (X25519 public keys of patient and auditors): one content key, sealed to each by HPKE.
 * Every recipient's part is bound into the content, so a patient who can read knows that nobody took the auditor's part away or spoiled it.
 * Throws `SEAL_INPUT_INVALID`.
 */
export async function sealDetails(context: DetailsContext, salt: Uint8Array, details: AuditDetails, recipients: readonly Uint8Array[], random: Pick<Random, 'bytes'>): Promise<Uint8Array> {
  requireLength('SEAL_INPUT_INVALID', 'salt', salt, 32)
  if (recipients.length === 0 || recipients.length > DETAILS_LIMITS.recipientsMax) {
    throw new SteleError({ code: 'SEAL_INPUT_INVALID', message: 'details need 1 to 8 recipients', details: { field: 'recipients', count: recipients.length } })
  }
  const contentKey = random.bytes(32)
  const boxes: Recipient[] = []
  for (const key of recipients) boxes.push({ key, sealed: await seal(key, { ...context, kind: 'details' }, contentKey) })
  const content = await aesGcmEncrypt(await importAesKey(contentKey, 'encrypt'), new Uint8Array(GCM_NONCE_BYTES), contentAad(context, boxes), pad(salt, details))
  return encode(boxSchema, { v: 1, recipients: boxes, content })
}

/**
 * Opens details with one recipient's key pair and checks them against the hash in the decision.
 * Throws `DETAILS_MALFORMED`, `DETAILS_NOT_RECIPIENT`, `SEAL_OPEN_FAILED`, `DETAILS_HASH_MISMATCH`.
 */
export async function openDetails(
  keys: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }, context: DetailsContext, sealed: Uint8Array, expectedHash: Uint8Array,
): Promise<{ readonly details: AuditDetails; readonly recipients: readonly Uint8Array[] }> {
  const box = malformedOnThrow(() => decode(boxSchema, sealed))
  if (box.v !== 1) throw malformed()
  const own = box.recipients.find(({ key }) => equalBytes(key, keys.publicKey))
  if (own === undefined) throw new SteleError({ code: 'DETAILS_NOT_RECIPIENT', message: 'the details are sealed to other keys' })
  const contentKey = await open(keys.secretKey, { ...context, kind: 'details' }, own.sealed)
  const padded = await aesGcmDecrypt(await importAesKey(contentKey, 'decrypt'), new Uint8Array(GCM_NONCE_BYTES), contentAad(context, box.recipients), box.content)
  if (padded === undefined) throw new SteleError({ code: 'SEAL_OPEN_FAILED', message: 'the sealed details do not open' })
  const { salt, details } = unpad(padded)
  if (!equalBytes(detailsHash(salt, details), expectedHash)) {
    throw new SteleError({ code: 'DETAILS_HASH_MISMATCH', message: 'the details are not the ones the decision commits to' })
  }
  return { details, recipients: box.recipients.map(({ key }) => key) }
}

function contentAad(context: DetailsContext, recipients: readonly Recipient[]): Uint8Array {
  const boxes = recipients.flatMap(({ key, sealed }) => [key, sealed])
  return concatBytes(context.chain, context.request, context.record, u32Bytes(context.version), u32Bytes(context.section), context.readerKey, ...boxes)
}

/** salt ‖ u32 length ‖ details ‖ zeros up to the next bucket. */
function pad(salt: Uint8Array, details: AuditDetails): Uint8Array {
  const inner = encode(detailsSchema, details)
  const length = salt.length + 4 + inner.length
  const bucket = DETAILS_LIMITS.bucketBytes.find((size) => size >= length)
  if (bucket === undefined) throw new SteleError({ code: 'SEAL_INPUT_INVALID', message: 'the details are too long', details: { field: 'details', bytes: inner.length } })
  const out = new Uint8Array(bucket)
  out.set(concatBytes(salt, u32Bytes(inner.length), inner))
  return out
}

function unpad(padded: Uint8Array): { readonly salt: Uint8Array; readonly details: AuditDetails } {
  if (padded.length < 36) throw malformed()
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(32)
  const end = 36 + length
  if (end > padded.length || padded.subarray(end).some((byte) => byte !== 0)) throw malformed()
  return { salt: plainBytes(padded).slice(0, 32), details: malformedOnThrow(() => decode(detailsSchema, padded.subarray(36, end))) }
}

function malformed(cause?: unknown): SteleError {
  return new SteleError({ code: 'DETAILS_MALFORMED', message: 'these are not sealed audit details', cause })
}

function malformedOnThrow<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (errorCode(cause)?.startsWith('CODEC_')) throw malformed(cause)
    throw cause
  }
}
