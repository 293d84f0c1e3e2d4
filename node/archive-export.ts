import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, rename, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { encode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { syncFolder } from '../state/snapshot-folder.ts'
import { ArchiveReader, archiveBlock, archiveEnd, archiveStart, decodeAs, encodeRecord } from './archive-format.ts'
import type { ChainRules } from './chain-rules.ts'
import type { ChainStore } from './chain-store.ts'
import { buildProof, encodeProof } from './snapshot-proof.ts'
import type { MemberSetLink } from '../primitives/member-history.ts'

export interface ExportOptions {
  readonly from: number
  readonly to: number
  readonly path: string
  readonly store: ChainStore
  readonly rules: ChainRules
  /** Steps between member sets whose blocks are not kept any more. */
  readonly links: readonly MemberSetLink[]
  readonly onProgress: (height: number, to: number) => void
}

const SYNC_EVERY = 256

/**
 * Writes the blocks `from` to `to` with their receipts and the proof of the last one into `path`. An interrupted export left `path.partial`; the same call goes on behind its last whole block.
 * `ARCHIVE_RANGE_INVALID`, `ARCHIVE_EXISTS`, or what the store throws. Resolves with the bytes written in all.
 */
export async function exportArchive({ from, to, path, store, rules, links, onProgress }: ExportOptions): Promise<{ readonly bytes: number; readonly resumedAt: number }> {
  if (existsSync(path)) throw new SteleError({ code: 'ARCHIVE_EXISTS', message: 'there is a file of this name already', details: { path } })
  if (from < store.floor || to < from || to > store.finalHeight) throw new SteleError({ code: 'ARCHIVE_RANGE_INVALID', message: 'the range is not one that is kept here and final', details: { from, to, firstHeight: store.floor, finalHeight: store.finalHeight } })
  const partial = `${path}.partial`
  const digest = createHash('sha256')
  const begun = await goOn(partial, { from, to }, rules.chain, digest)
  const file = await open(partial, begun === undefined ? 'w' : 'r+', 0o600)
  let at = begun?.at ?? 0
  const write = async (bytes: Uint8Array): Promise<void> => {
    await file.write(bytes, 0, bytes.length, at)
    at += bytes.length
  }
  try {
    if (begun === undefined) await write(archiveStart({ v: 1, chain: rules.chain, from: BigInt(from), to: BigInt(to) }))
    for (let height = begun?.next ?? from; height <= to; height++) {
      const payload = encode(archiveBlock, { height: BigInt(height), data: store.data(height), receipts: await store.receipts(height) })
      digest.update(payload)
      await write(encodeRecord(payload))
      if (height % SYNC_EVERY === 0) await file.datasync()
      onProgress(height, to)
    }
    const proof = buildProof(to, store, rules, links)
    if (proof === undefined) throw new SteleError({ code: 'ARCHIVE_RANGE_INVALID', message: 'no certificate covers the last block yet', details: { to } })
    await write(encodeRecord(encode(archiveEnd, { proof: encodeProof(proof), digest: new Uint8Array(digest.digest()) })))
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
  await syncFolder(dirname(path))
  return { bytes: at, resumedAt: begun?.next ?? from }
}

/** Where an interrupted export of this very range goes on; undefined to begin anew. */
async function goOn(partial: string, range: { readonly from: number; readonly to: number }, chain: Uint8Array, digest: ReturnType<typeof createHash>): Promise<{ readonly next: number; readonly at: number } | undefined> {
  if (!existsSync(partial)) return undefined
  let reader: ArchiveReader
  try {
    reader = await ArchiveReader.open(partial, chain)
  } catch (error) {
    if (!(error instanceof SteleError)) throw error
    return undefined // Killed before its head was whole.
  }
  try {
    if (Number(reader.head.from) !== range.from || Number(reader.head.to) !== range.to) return undefined
    let [next, at] = [range.from, reader.start]
    for (let record = await reader.record(at); record !== undefined && next <= range.to; record = await reader.record(at)) {
      if (Number(decodeAs(archiveBlock, record.payload).height) !== next) break
      digest.update(record.payload)
      next++
      at = record.end
    }
    await truncate(partial, at)
    return { next, at }
  } finally {
    await reader.close()
  }
}
