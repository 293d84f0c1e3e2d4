import { createHash } from 'node:crypto'
import { equalBytes } from '../primitives/bytes.ts'
import { blockHashOf } from '../primitives/block.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import { followLinks, memberSetAt } from '../primitives/member-history.ts'
import { merkleRoot } from '../primitives/merkle.ts'
import { verifyFinality } from '../primitives/receipt.ts'
import { ArchiveReader, archiveBlock, archiveEnd, archiveError, decodeAs } from './archive-format.ts'
import { readBlock } from './block-check.ts'
import { snapshotProof } from './snapshot-proof.ts'
import type { Trust } from './snapshot-verify.ts'

export interface ArchiveReport { readonly from: number; readonly to: number; readonly blocks: number; readonly transactions: number; readonly bytes: number; readonly certifiedBy: readonly number[] }

export interface VerifyArchiveOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (height: number, to: number) => void
  /** Where each block's record stands. */
  readonly onBlock?: (height: number, at: number) => void
}

/**
 * Verifies an archive with no node: every block's transactions and receipts against the roots of its header, every header against the one before, and the last one by a certificate, from the first members on.
 * So every block in it is final. Signatures of transactions are covered by the certificate. Throws ARCHIVE_*, CERTIFICATE_*, HISTORY_* or PROOF_*.
 */
export async function verifyArchive(path: string, { chain, trusted }: Trust, { signal, onProgress = () => {}, onBlock = () => {} }: VerifyArchiveOptions = {}): Promise<ArchiveReport> {
  const reader = await ArchiveReader.open(path, chain)
  try {
    const [from, to] = [Number(reader.head.from), Number(reader.head.to)]
    const digest = createHash('sha256')
    let at = reader.start
    let transactions = 0
    let last: { readonly header: BlockHeader; readonly bytes: Uint8Array; readonly hash: Uint8Array } | undefined
    for (let height = from; height <= to; height++) {
      signal?.throwIfAborted()
      const record = await reader.record(at)
      if (record === undefined) throw unfinished(height, to)
      digest.update(record.payload)
      const block = decodeAs(archiveBlock, record.payload)
      const { header, envelope } = readChecked(block.data, chain, height)
      if (block.height !== BigInt(height) || header.height !== block.height) throw archiveError('heights ascend by one', { height })
      if (last !== undefined && !equalBytes(header.parent, last.hash)) throw archiveError('the parent is the block before', { height })
      if (block.receipts.length !== header.count || !equalBytes(merkleRoot(block.receipts), header.eventRoot)) throw archiveError('the receipts are those of the header', { height })
      last = { header, bytes: envelope.header, hash: blockHashOf(chain, envelope.header) }
      transactions += header.count
      onBlock(height, at)
      onProgress(height, to)
      at = record.end
    }
    const record = await reader.record(at)
    if (record === undefined || last === undefined) throw unfinished(to, to)
    const end = decodeAs(archiveEnd, record.payload)
    if (await reader.bytes() > record.end) throw archiveError('nothing follows the end', { path, bytes: await reader.bytes() - record.end })
    if (!equalBytes(end.digest, digest.digest())) throw archiveError('the blocks are those that were written', { path })
    const { finality, links } = decodeAs(snapshotProof, end.proof)
    const { content } = finality.certificate
    verifyFinality(chain, memberSetAt(followLinks(chain, trusted, links), content.epoch, content.height).set, last.bytes, finality)
    return { from, to, blocks: to - from + 1, transactions, bytes: record.end, certifiedBy: finality.certificate.signatures.map(({ node }) => node) }
  } finally {
    await reader.close()
  }
}

function unfinished(height: number, to: number): SteleError {
  return new SteleError({ code: 'ARCHIVE_UNFINISHED', message: 'the archive ends too early, or a record in it is damaged', details: { height, to } })
}

function readChecked(data: Uint8Array, chain: Uint8Array, height: number): ReturnType<typeof readBlock> {
  try {
    return readBlock(data, chain)
  } catch (error) {
    if (!(error instanceof SteleError) || errorCode(error) === 'INVARIANT_BROKEN') throw error
    throw archiveError('a block hangs together in itself', { height, ...error.details, code: error.code }, error)
  }
}

