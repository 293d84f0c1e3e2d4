import { array, bytes, decode, encode, fixedBytes, struct, text, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { equalBytes, toHex } from './bytes.ts'
import { SteleError } from './error.ts'
import { domainBytes, domainPrefix, hash, hashInto } from './hash.ts'
import { ed25519KeyId, isKnownKeyId, KEY_ID_BYTES, keyIdToPublicKey } from './signature.ts'
import type { SignatureItem, Signer } from './signature.ts'
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

/** Byte strings of equal length in a list lie this far behind each other: two bytes tell type and length of each (msgpack bin 8). */
const ITEM_HEAD_BYTES = 2

function piece(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length)
}

/** At least one. */
function pieces(bytes: Uint8Array, at: number, length: number, count: number): Uint8Array[] {
  const all = [piece(bytes, at, length)]
  for (let i = 1; i < count; i++) all.push(piece(bytes, at + i * (length + ITEM_HEAD_BYTES), length))
  return all
}

/**
 * A body whose byte strings are views into the transaction's bytes, made when asked for. Thousands of transactions wait at once, and the collector copies whatever waits: kept, the views
 * would be more than half of it.
 */
class BodyView implements TransactionBody {
  readonly v: number
  readonly chain: Uint8Array
  readonly contract: string
  readonly call: string
  readonly validUntil: bigint
  private readonly bytes: Uint8Array
  private readonly accountAt: number
  private readonly signersAt: number
  private readonly signersCount: number
  private readonly argsAt: number
  private readonly argsLength: number
  private readonly saltAt: number

  /** `body`: decoded from `bytes`, sharing them. */
  constructor(bytes: Uint8Array, chain: Uint8Array, body: TransactionBody) {
    const from = bytes.byteOffset
    this.v = body.v
    this.chain = chain
    this.contract = body.contract
    this.call = body.call
    this.validUntil = body.validUntil
    this.bytes = bytes
    this.accountAt = body.account.byteOffset - from
    this.signersAt = body.signers[0]!.byteOffset - from
    this.signersCount = body.signers.length
    this.argsAt = body.args.byteOffset - from
    this.argsLength = body.args.length
    this.saltAt = body.salt.byteOffset - from
  }

  get account(): Uint8Array { return piece(this.bytes, this.accountAt, 32) }
  get signers(): Uint8Array[] { return pieces(this.bytes, this.signersAt, KEY_ID_BYTES, this.signersCount) }
  get args(): Uint8Array { return piece(this.bytes, this.argsAt, this.argsLength) }
  get salt(): Uint8Array { return piece(this.bytes, this.saltAt, 16) }
}

/** Ids of transactions, which come and go in order. */
const ids = new Slab()

/** A transaction read from its canonical bytes, which it keeps; see `decodeTransaction`. */
export class DecodedTransaction implements Transaction {
  readonly id: Uint8Array
  readonly key: string
  readonly body: TransactionBody
  readonly bytes: Uint8Array
  private readonly bodyAt: number
  private readonly bodyLength: number
  private readonly signaturesAt: number
  private readonly signaturesCount: number

  constructor(bytes: Uint8Array, chain: Uint8Array) {
    const { envelope, body } = readStrictly(bytes, chain)
    this.id = hashInto(ids.take(32), 'tx-id', chain, envelope.body)
    this.key = toHex(this.id)
    this.body = new BodyView(bytes, chain, body)
    this.bytes = bytes
    this.bodyAt = envelope.body.byteOffset - bytes.byteOffset
    this.bodyLength = envelope.body.length
    this.signaturesAt = envelope.signatures[0]!.byteOffset - bytes.byteOffset
    this.signaturesCount = envelope.signatures.length
  }

  get bodyBytes(): Uint8Array { return piece(this.bytes, this.bodyAt, this.bodyLength) }
  get signatures(): readonly Uint8Array[] { return pieces(this.bytes, this.signaturesAt, 64, this.signaturesCount) }
}

/**
 * Reads untrusted bytes strictly; what is in the result are views into them. Signatures are counted here and verified elsewhere, in batches.
 * Throws CODEC_* with path and rule, `TX_VERSION_UNKNOWN`, `TX_WRONG_CHAIN`, `TX_SIGNATURES_MISMATCH` or `TX_KEY_UNKNOWN_ALGORITHM`.
 */
export function decodeTransaction(envelopeBytes: Uint8Array, chain: Uint8Array): Transaction {
  return new DecodedTransaction(envelopeBytes, chain)
}

function readStrictly(envelopeBytes: Uint8Array, chain: Uint8Array): { readonly envelope: Infer<typeof transactionEnvelope>; readonly body: TransactionBody } {
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
  // Every canonical transaction is read the fast way, which shares; offsets into other bytes would name the wrong ones.
  if (envelope.body.buffer !== envelopeBytes.buffer || body.account.buffer !== envelopeBytes.buffer) throw new SteleError({ code: 'CODEC_NOT_CANONICAL', message: 'the bytes are not the canonical encoding of their value' })
  return { envelope, body }
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
  const { signers } = transaction.body
  return transaction.signatures.map((signature, i) => ({ publicKey: keyIdToPublicKey(signers[i]!)!, message, signature }))
}
