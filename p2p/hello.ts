import { equalBytes } from '../primitives/bytes.ts'
import { decode, encode, fixedBytes, struct, u32 } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { PeerFault } from './errors.ts'

/** First frame of every stream of ours: which chain this is about, who speaks, and whom it means. */
const helloSchema = struct({ chain: fixedBytes(32), from: u32, to: u32 })

/** Largest hello in bytes, generously. */
export const HELLO_BYTES_MAX = 128

export function encodeHello(chain: Uint8Array, from: number, to: number): Uint8Array {
  return encode(helloSchema, { chain, from, to })
}

/**
 * Refuses a hello of another chain, or one that contradicts the authenticated peer: the connection's key decides who `from` is, the hello only
 * has to agree. Throws `PeerFault`.
 */
export function checkHello(payload: Uint8Array, chain: Uint8Array, from: number, self: number): void {
  const hello = decodeHello(payload)
  if (!equalBytes(hello.chain, chain)) throw new PeerFault('P2P_WRONG_CHAIN', 'disconnect', 'a peer belongs to another chain', { node: from })
  if (hello.from !== from || hello.to !== self) throw new PeerFault('P2P_WRONG_NODE', 'disconnect', 'a peer names other node ids than the ledger', { node: from, from: hello.from, to: hello.to, self })
}

function decodeHello(payload: Uint8Array): { chain: Uint8Array; from: number; to: number } {
  try {
    return decode(helloSchema, payload, { maxBytes: HELLO_BYTES_MAX })
  } catch (error) {
    if (!(error instanceof SteleError)) throw error
    throw new PeerFault('P2P_FRAME_GARBLED', 'disconnect', 'the first frame of a stream is not a hello', { rule: error.code })
  }
}
