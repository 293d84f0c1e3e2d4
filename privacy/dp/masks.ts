import { x25519 } from '@noble/curves/ed25519.js'
import { u32Bytes } from '../../primitives/bytes.ts'
import { hash } from '../../primitives/hash.ts'
import { SteleError } from '../../primitives/error.ts'

/** Cells are added modulo 2^64; sums are read as numbers from −2^63 on. */
const MODULUS = 1n << 64n
const CELLS_PER_BLOCK = 4

export interface MaskParties {
  readonly member: number
  /** This institution's X25519 secret, 32 bytes. */
  readonly secretKey: Uint8Array
  /** All institutions that answer, this one among them or not, with their X25519 public keys. */
  readonly others: readonly { readonly member: number; readonly publicKey: Uint8Array }[]
}

/**
 * Hides a share: every two institutions add and subtract the same pad, drawn from the secret they share and from what is answered, so that only the sum over all can be read
 * (Bonawitz et al., CCS 2017, without its recovery of missing parties: who does not answer ends the answer). The pad is one-time for each answer; the same answer gives the same bytes.
 */
export function maskCells(cells: readonly bigint[], { member, secretKey, others }: MaskParties, context: { readonly chain: Uint8Array; readonly answer: Uint8Array }): bigint[] {
  const pads = others.filter((other) => other.member !== member).map(({ member: other, publicKey }) => ({ isAdded: member < other, pad: padOf(sharedSecret(secretKey, publicKey, other), context, cells.length) }))
  return cells.map((cell, i) => BigInt.asUintN(64, pads.reduce((sum, { isAdded, pad }) => sum + (isAdded ? pad[i]! : -pad[i]!), cell)))
}

/** Sum of all shares, cell by cell: the masks are gone. All shares have as many cells. */
export function sumShares(shares: readonly (readonly bigint[])[]): bigint[] {
  const [first = []] = shares
  return first.map((_, i) => BigInt.asIntN(64, shares.reduce((sum, share) => (sum + share[i]!) % MODULUS, 0n)))
}

function sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array, member: number): Uint8Array {
  try {
    return x25519.getSharedSecret(secretKey, publicKey)
  } catch (cause) {
    throw new SteleError({ code: 'SEAL_INPUT_INVALID', message: 'the public key cannot be sealed to', details: { field: 'publicKey', member }, cause })
  }
}

function padOf(secret: Uint8Array, { chain, answer }: { readonly chain: Uint8Array; readonly answer: Uint8Array }, length: number): bigint[] {
  const pad: bigint[] = []
  for (let block = 0; pad.length < length; block++) {
    const bytes = hash('aggregate-mask', secret, chain, answer, u32Bytes(block))
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let i = 0; i < CELLS_PER_BLOCK && pad.length < length; i++) pad.push(view.getBigUint64(8 * i))
  }
  return pad
}
