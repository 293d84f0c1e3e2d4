import { array, boolean, bytes, decode, encode, fixedBytes, oneOf, optional, struct, text, u32, u64, variant } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { RECORD_LIMITS } from '../primitives/calls/records.ts'
import { BLOB_LIMITS } from '../privacy/blob.ts'
import { MAILBOX_KINDS } from './mailbox.ts'

/** Sizes of the protocol between vaults. */
export const VAULT_WIRE = {
  /** Bytes of one message at most: a chunk or a list of hashes, and what goes with it. */
  messageBytesMax: BLOB_LIMITS.chunkBytes + 16 * 1024,
  /** Ciphertext bytes of a record version that goes in a single message. */
  packBytesMax: 512 * 1024,
  sealedBytesMax: 64 * 1024,
} as const

const hash32 = fixedBytes(32)
const hashes = array(hash32, { min: 1, max: BLOB_LIMITS.chunksMax })
const recordVersion = { record: hash32, version: u32 }
const address = { request: hash32, section: u32, kind: oneOf(...MAILBOX_KINDS) }

/** What one vault asks another. */
export const vaultRequest = variant({
  /** May I send this blob, and what of it is missing? → status */
  offer: struct({ blob: hash32, size: u64, hashes }),
  /** Here is a chunk. → done */
  chunk: struct({ blob: hash32, index: u32, bytes: bytes({ max: BLOB_LIMITS.chunkBytes }) }),
  /** The blob is whole: verify and sync it. → done */
  finish: struct({ blob: hash32 }),
  /** Sign that you keep these blobs of a record version. → receipt */
  receipt: struct({ ...recordVersion, blobs: array(struct({ blob: hash32, size: u64 }), { min: 1, max: RECORD_LIMITS.sectionsMax }) }),
  /** A small record version at once: keep these single-chunk blobs and sign. → receipt */
  pack: struct({ ...recordVersion, chunks: array(bytes({ max: VAULT_WIRE.packBytesMax }), { min: 1, max: RECORD_LIMITS.sectionsMax }) }),
  /** Which chunks make up this blob? → hashes */
  hashes: struct({ blob: hash32 }),
  /** Give me a chunk. → chunk */
  read: struct({ blob: hash32, index: u32 }),
  /** Keep this sealed entry. → done */
  post: struct({ ...address, sealed: bytes({ max: VAULT_WIRE.sealedBytesMax }), until: optional(u64) }),
  /** Have you an entry here? → entry */
  collect: struct(address),
  /** Delete this entry for good. → done */
  erase: struct(address),
})
export type VaultRequest = Infer<typeof vaultRequest>

export const vaultAnswer = variant({
  status: struct({ complete: boolean, missing: array(struct({ first: u32, last: u32 }), { max: BLOB_LIMITS.chunksMax }) }),
  /** `changed` is false when the request found its work done. */
  done: struct({ changed: boolean }),
  receipt: struct({ signature: fixedBytes(64) }),
  hashes: struct({ size: u64, hashes }),
  chunk: struct({ bytes: bytes({ max: BLOB_LIMITS.chunkBytes }) }),
  entry: optional(struct({ sealed: bytes({ max: VAULT_WIRE.sealedBytesMax }), origin: u32, storedAt: u64, until: optional(u64) })),
  refused: struct({ code: text({ max: 64, pattern: /^[A-Z][A-Z0-9_]*$/ }) }),
})
export type VaultAnswer = Infer<typeof vaultAnswer>

export function encodeRequest(request: VaultRequest): Uint8Array { return encode(vaultRequest, request) }
export function encodeAnswer(answer: VaultAnswer): Uint8Array { return encode(vaultAnswer, answer) }

/** `VAULT_MESSAGE_INVALID` for anything that is not a request; whoever sent it is not a vault of ours. */
export function decodeRequest(message: Uint8Array): VaultRequest { return decoded(() => decode(vaultRequest, message, { maxBytes: VAULT_WIRE.messageBytesMax })) }
export function decodeAnswer(message: Uint8Array): VaultAnswer { return decoded(() => decode(vaultAnswer, message, { maxBytes: VAULT_WIRE.messageBytesMax })) }

function decoded<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new SteleError({ code: 'VAULT_MESSAGE_INVALID', message: 'this is not a vault message', cause })
  }
}
