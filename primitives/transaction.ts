import { array, bytes, decode, encode, fixedBytes, struct, text, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { equalBytes, toHex } from './bytes.ts'
import { SteleError } from './error.ts'
import { domainBytes, domainPrefix, hash } from './hash.ts'
import { isKnownKeyId, keyIdToPublicKey } from './signature.ts'
import type { SignatureItem, Signer } from './signature.ts'
import { ed25519KeyId } from './signature.ts'
import { Slab } from './slab.ts'

/** Limits of a transaction, in bytes and counts (DESIGN §6). More than one signer comes with a later version. */
export const TRANSACTION_LIMITS = { transactionBytesMax: 64 * 1024, argumentBytesMax: 60 * 1024, signersMax: 1, lifetimeMsMax: 10 * 60 * 1000 } as const

/** Names of contracts and calls: a closed list in the registry, checked there; the pattern only bounds the bytes. */
export const slug = text({ max: 32, pattern: /^[a-z][A-Za-z0-9]{0,31}$/ })

/** What is signed. `args` are the canonical bytes of the call's own schema. `salt` makes equal calls distinct. Times are u64 ms. */
export const transactionBody = struct({
  v: u32, chain: fixedBytes(32), account: fixedBytes(32), signers: array(fixedBytes(33), { min: 1, max: TRANSACTION_LIMITS.signersMax }),
  contract: slug, call: slug, args: bytes({ max: TRANSACTION_LIMITS.argumentBytesMax }), validUntil: u64, salt: fixedBytes(16),
})
export type TransactionBody = Infer<typeof transactionBody>

export const transactionEnvelope = struct({
  body: bytes({ max: TRANSACTION_LIMITS.transactionBytesMax }), signatures: array(fixedBytes(64), { min: 1, max: TRANSACTION_LIMITS.signersMax }),
})

/** A transaction as the node handles it: decoded once, with the bytes kept. */
export interface Transaction {
  /** Hash of the body: who signs and with which bytes does not change it, so nobody can spoil another's id. */
  readonly id: Uint8Array
  /** `id` as lower-case hex, for maps. */
  readonly key: string
  readonly body: TransactionBody
  readonly bodyBytes: Uint8Array
  readonly signatures: readonly Uint8Array[]
  /** The complete canonical bytes; the leaf of the block's transaction root. */
  readonly bytes: Uint8Array
}

/** Bytes under a transaction's signatures. */
export function signingBytes(chain: Uint8Array, bodyBytes: Uint8Array): Uint8Array {
  return domainBytes('tx-sign', chain, bodyBytes)
}

export function transactionIdOf(chain: Uint8Array, bodyBytes: Uint8Array): Uint8Array {
  return hash('tx-id', chain, bodyBytes)
}

/** Builds and signs a transaction with one Ed25519 key. */
export function createTransaction(body: Omit<TransactionBody, 'v' | 'signers'>, signer: Signer): Transaction {
  const full: TransactionBody = { v: 1, signers: [ed25519KeyId(signer.publicKey)], ...body }
  const bodyBytes = encode(transactionBody, full)
  const signatures = [signer.sign(signingBytes(full.chain, bodyBytes))]
  const id = transactionIdOf(full.chain, bodyBytes)
  return { id, key: toHex(id), body: full, bodyBytes, signatures, bytes: encode(transactionEnvelope, { body: bodyBytes, signatures }) }
}

/**
 * Reads untrusted bytes strictly; what is in the result are views into them. Signatures are counted here and verified elsewhere, in batches.
 * Throws CODEC_* with path and rule, `TX_VERSION_UNKNOWN`, `TX_WRONG_CHAIN`, `TX_SIGNATURES_MISMATCH` or `TX_KEY_UNKNOWN_ALGORITHM`.
 */
export function decodeTransaction(envelopeBytes: Uint8Array, chain: Uint8Array): Transaction {
  const envelope = decode(transactionEnvelope, envelopeBytes, { maxBytes: TRANSACTION_LIMITS.transactionBytesMax, share: true })
  const body = decode(transactionBody, envelope.body, { maxBytes: TRANSACTION_LIMITS.transactionBytesMax, share: true })
  if (body.v !== 1) throw new SteleError({ code: 'TX_VERSION_UNKNOWN', message: 'this node does not know this transaction version', details: { version: body.v } })
  if (!equalBytes(body.chain, chain)) throw new SteleError({ code: 'TX_WRONG_CHAIN', message: 'the transaction names another chain', details: { path: 'chain' } })
  if (envelope.signatures.length !== body.signers.length) {
    throw new SteleError({ code: 'TX_SIGNATURES_MISMATCH', message: 'the signatures do not match the signers named in the body', details: { path: 'signatures', signers: body.signers.length, signatures: envelope.signatures.length } })
  }
  if (!body.signers.every(isKnownKeyId)) {
    throw new SteleError({ code: 'TX_KEY_UNKNOWN_ALGORITHM', message: 'a signer names a signature algorithm that this node does not know', details: { path: 'signers' } })
  }
  const id = transactionIdOf(chain, envelope.body)
  return { id, key: toHex(id), body: { ...body, chain }, bodyBytes: envelope.body, signatures: envelope.signatures, bytes: envelopeBytes }
}

/** Reads a signed transaction of any chain, as a tool that does not know the chain must: what a file holds, before it is sent. Throws as `decodeTransaction`. */
export function inspectTransaction(envelopeBytes: Uint8Array): Transaction {
  const { body } = decode(transactionEnvelope, envelopeBytes, { maxBytes: TRANSACTION_LIMITS.transactionBytesMax })
  return decodeTransaction(envelopeBytes, decode(transactionBody, body, { maxBytes: TRANSACTION_LIMITS.transactionBytesMax }).chain)
}

/** Signed messages live until their signatures are verified. */
const messages = new Slab()

/** The signatures of a decoded transaction, for a batch verifier. */
export function signatureItems(transaction: Transaction): SignatureItem[] {
  const message = messages.join(domainPrefix('tx-sign'), transaction.body.chain, transaction.bodyBytes)
  return transaction.signatures.map((signature, i) => ({ publicKey: keyIdToPublicKey(transaction.body.signers[i]!)!, message, signature }))
}
