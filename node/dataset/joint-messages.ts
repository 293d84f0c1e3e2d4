import { bytes, decode, encode, fixedBytes, struct, u32, variant } from '../../primitives/codec.ts'
import type { Infer, Schema } from '../../primitives/codec.ts'
import { hash } from '../../primitives/hash.ts'
import { u32Bytes } from '../../primitives/bytes.ts'
import { verify } from '../../primitives/signature.ts'
import type { Signer } from '../../primitives/signature.ts'

/** Cells in one message; with its frame it fits into a mailbox entry. */
export const CELLS_MAX = 15_000

export const jointMessage = variant({
  /** Begins an epoch: a fresh X25519 key for its masks. `epoch` grows with every new start. */
  hello: struct({ epoch: u32, key: fixedBytes(32) }),
  /** A part of the masked counts of a round. `before`: hash of the session and of all totals until here, by which contributors notice that they were told different things. */
  counts: struct({ epoch: u32, before: fixedBytes(32), round: u32, first: u32, cells: bytes({ max: 4 * CELLS_MAX }) }),
  /** The release that came out. */
  done: struct({ epoch: u32, before: fixedBytes(32), release: fixedBytes(32) }),
})
/** What one contributor tells the others. */
export type JointMessage = Infer<typeof jointMessage>

const envelope = struct({ body: bytes({ max: 63 * 1024 }), signature: fixedBytes(64) })

/** Where a message belongs: the signature covers it, so that none can be passed off as another. */
export interface JointPlace { readonly chain: Uint8Array; readonly request: Uint8Array; readonly member: number; readonly sequence: number }

const digest = ({ chain, request, member, sequence }: JointPlace, body: Uint8Array): Uint8Array => hash('joint-message', chain, request, u32Bytes(member), u32Bytes(sequence), body)

export function sealMessage<M>(place: JointPlace, said: M, signer: Signer, form: Schema<M>): Uint8Array {
  const body = encode(form, said)
  return encode(envelope, { body, signature: signer.sign(digest(place, body)) })
}

/** The message, when one of the keys signed it for that place; undefined otherwise. Throws CODEC_* for what is no message. */
export function openMessage<M>(place: JointPlace, sealed: Uint8Array, keys: readonly Uint8Array[], form: Schema<M>): M | undefined {
  const { body, signature } = decode(envelope, sealed)
  const signed = digest(place, body)
  return keys.some((publicKey) => verify(publicKey, signed, signature)) ? decode(form, body) : undefined
}

/** Four bytes a cell, little-endian. */
export function cellsToBytes(cells: Uint32Array): Uint8Array {
  const out = new Uint8Array(4 * cells.length)
  const view = new DataView(out.buffer)
  for (const [i, cell] of cells.entries()) view.setUint32(4 * i, cell, true)
  return out
}

export function bytesToCells(source: Uint8Array): Uint32Array {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength)
  return Uint32Array.from({ length: source.length >> 2 }, (_, i) => view.getUint32(4 * i, true))
}
