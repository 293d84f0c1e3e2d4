import { array, bytes, decode, encode, fixedBytes, struct, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { domainBytes, hash } from './hash.ts'

/** Limits of a block, in bytes and counts (DESIGN §6). */
export const BLOCK_LIMITS = { blockBytesMax: 1024 * 1024, transactionsMax: 1000, headerBytesMax: 2048 } as const

/**
 * Header v1 (DESIGN §5.7). Hashed and signed; signatures and certificates stay outside the hash.
 * `height` counts blocks from 1 (0 stands for genesis, whose hash is the chain id); `count` is the number of transactions, so of leaves under
 * `txRoot` and `eventRoot` alike: without it one path would verify under several tree sizes; `timeMs` is u64 ms, never before the parent's;
 * `historyRoot` is the RFC 9162 root over the hashes of all earlier blocks, leaf i = block i, leaf 0 = genesis; `proposer` is a node id.
 */
export const blockHeader = struct({
  v: u32, chain: fixedBytes(32), epoch: u32, height: u64, term: u32, parent: fixedBytes(32),
  txRoot: fixedBytes(32), eventRoot: fixedBytes(32), historyRoot: fixedBytes(32), stateRoot: fixedBytes(32),
  memberSet: fixedBytes(32), parameters: fixedBytes(32), timeMs: u64, proposer: u32, count: u32,
})
export type BlockHeader = Infer<typeof blockHeader>

/** A block on the wire and in the ledger: header bytes, the proposer's signature, complete transaction bytes in order. */
export const blockEnvelope = struct({
  header: bytes({ max: BLOCK_LIMITS.headerBytesMax }), signature: fixedBytes(64),
  transactions: array(bytes({ max: 64 * 1024 }), { max: BLOCK_LIMITS.transactionsMax }),
})
export type BlockEnvelope = Infer<typeof blockEnvelope>

/** Room for the header, the signature and the framing around `blockBytesMax` of transactions. */
const ENVELOPE_BYTES_MAX = BLOCK_LIMITS.blockBytesMax + 16 * 1024

export function encodeBlock(block: BlockEnvelope): Uint8Array {
  return encode(blockEnvelope, block)
}

/** Its parts are views into `block`. Throws CODEC_* on anything but the canonical bytes of a block. The header is decoded by `decodeHeader`. */
export function decodeBlock(block: Uint8Array): BlockEnvelope {
  return decode(blockEnvelope, block, { maxBytes: ENVELOPE_BYTES_MAX, share: true })
}

export function encodeHeader(header: BlockHeader): Uint8Array {
  return encode(blockHeader, header)
}

export function decodeHeader(header: Uint8Array): BlockHeader {
  return decode(blockHeader, header, { maxBytes: BLOCK_LIMITS.headerBytesMax })
}

/** Block hash = hash of the header bytes; it covers the transactions and receipts through their roots. */
export function blockHashOf(chain: Uint8Array, headerBytes: Uint8Array): Uint8Array {
  return hash('block-header', chain, headerBytes)
}

/** Bytes under the proposer's signature. */
export function headerSigningBytes(chain: Uint8Array, headerBytes: Uint8Array): Uint8Array {
  return domainBytes('header-sign', chain, headerBytes)
}
