import { BinaryReader, BinaryWriter } from '../../consensus/binary.ts'
import { equalBytes } from '../../primitives/bytes.ts'
import { sha256 } from '../../primitives/hash.ts'
import { simSigner, simVerify } from './keys.ts'

/** The simulated executor's block: what a production header binds, in a compact form. Transactions are numbers. */
export interface SimBlock {
  readonly height: number
  readonly term: number
  readonly timeMs: number
  readonly proposer: number
  readonly parent: Uint8Array
  readonly root: Uint8Array
  readonly transactions: readonly number[]
}

const FIXED_BYTES = 8 + 8 + 8 + 4 + 32 + 32 + 2
const SIGNATURE_BYTES = 64
/** Distinct blocks that are remembered decoded; nodes of one process see the same bytes. */
const DECODED_MAX = 512

export function encodeSimBlock(block: SimBlock): Uint8Array {
  const writer = new BinaryWriter(FIXED_BYTES + 8 * block.transactions.length + SIGNATURE_BYTES)
  writer.u53(block.height).u53(block.term).u53(block.timeMs).u32(block.proposer).raw(block.parent).raw(block.root)
  writer.u8(block.transactions.length >> 8).u8(block.transactions.length & 255)
  for (const transaction of block.transactions) writer.u53(transaction)
  writer.raw(simSigner(block.proposer).sign(writer.bytes.subarray(0, writer.bytes.length - SIGNATURE_BYTES)))
  return writer.bytes
}

/** Throws `MESSAGE_MALFORMED` or, on a wrong signature, an error; a block that decodes was signed by its proposer. */
export function decodeSimBlock(data: Uint8Array): SimBlock {
  const reader = new BinaryReader(data)
  const [height, term, timeMs, proposer] = [reader.u53(), reader.u53(), reader.u53(), reader.u32()]
  const [parent, root] = [reader.raw(32), reader.raw(32)]
  const count = reader.u8() * 256 + reader.u8()
  const transactions = Array.from({ length: count }, () => reader.u53())
  const signed = data.subarray(0, data.length - SIGNATURE_BYTES)
  const item = { publicKey: simSigner(proposer).publicKey, message: signed, signature: reader.raw(SIGNATURE_BYTES) }
  reader.end()
  if (!simVerify(item)) throw new Error('the proposer did not sign this block')
  return { height, term, timeMs, proposer, parent, root, transactions }
}

export function simBlockHash(data: Uint8Array): Uint8Array {
  return sha256(data)
}

/** State root after a block: a chain over every transaction ever applied, in order. */
export function simRoot(parentRoot: Uint8Array, transactions: readonly number[]): Uint8Array {
  const writer = new BinaryWriter(parentRoot.length + 8 * transactions.length).raw(parentRoot)
  for (const transaction of transactions) writer.u53(transaction)
  return sha256(writer.bytes)
}

export interface ReadSimBlock { readonly block: SimBlock; readonly hash: Uint8Array; readonly data: Uint8Array }

/** Decodes and hashes a block once for all nodes of the process; equal bytes are compared in full. */
export class SimBlockReader {
  readonly #known = new Map<number, ReadSimBlock>()

  read(data: Uint8Array): ReadSimBlock | undefined {
    // The end of the signature differs with the bytes before it, and the comparison leaves nothing to luck.
    const end = data.length
    const key = (data[end - 1]! | (data[end - 2]! << 8) | (data[end - 3]! << 16) | (data[end - 4]! << 24)) >>> 0
    const known = this.#known.get(key)
    if (known !== undefined && equalBytes(known.data, data)) return known
    let block: SimBlock
    try {
      block = decodeSimBlock(data)
    } catch {
      return undefined // No block: whoever executes it refuses.
    }
    const read = { block, hash: simBlockHash(data), data: data.slice() }
    this.#known.set(key, read)
    if (this.#known.size > DECODED_MAX) this.#known.delete(this.#known.keys().next().value!)
    return read
  }
}
