import { SteleError } from '../primitives/error.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import { unpackIndexRows } from '../state/snapshot-format.ts'
import { checkStateChunk } from '../state/snapshot-install.ts'
import { joinTops } from '../state/snapshot-tree.ts'
import type { TopSlot } from '../state/snapshot-tree.ts'
import { bytesToText } from '../primitives/bytes.ts'
import { invalidSnapshot } from '../state/snapshot-format.ts'
import type { MemberPeriod } from '../primitives/member-history.ts'
import { createPace } from './snapshot-maker.ts'
import { checkProof } from './snapshot-proof.ts'
import { snapshotBlock } from './snapshot-restore.ts'
import { unpackWindow } from './snapshot-window.ts'

export interface SnapshotReport { readonly height: number; readonly id: Uint8Array; readonly parts: number; readonly bytes: number; readonly leaves: number; readonly listRows: number; readonly windowRows: number; readonly certifiedBy: readonly number[] }

/** What a snapshot is judged by. */
export interface Trust { readonly chain: Uint8Array; readonly trusted: MemberPeriod }

export interface VerifySnapshotOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, of: number) => void
  /** Share of time the work may take; 1 on a machine that does nothing else. */
  readonly share?: number
}

/** Reads every file of a snapshot back: digests, each part's proof, the whole state root, block and receipts, certificate by the chain's voters. Throws SNAPSHOT_*, CERTIFICATE_*, PROOF_*. */
export async function verifySnapshot(folder: SnapshotFolder, height: number, { chain, trusted }: Trust, { signal = new AbortController().signal, onProgress = () => {}, share }: VerifySnapshotOptions = {}): Promise<SnapshotReport> {
  const read = await folder.manifest(height)
  const proof = await folder.proof(height)
  if (proof === undefined) throw new SteleError({ code: 'SNAPSHOT_NOT_CERTIFIED', message: 'nothing here proves that the snapshot\'s block is final', details: { height } })
  const { finality } = checkProof(read, proof, chain, trusted)
  const pace = createPace(signal, share)
  const { chunks } = read.manifest
  const tops: TopSlot[] = []
  const rows = { state: 0, index: 0, window: 0, block: 0 }
  for (const [n, entry] of chunks.entries()) {
    const bytes = await folder.chunk(height, n, entry)
    if (entry.kind === 'state') tops.push(...checkStateChunk(entry, bytes, read.header.stateRoot).built.tops)
    const found = entry.kind === 'index' ? unpackIndexRows(bytes).length : entry.rows
    if (found !== entry.rows) throw invalidSnapshot('a part holds as many rows as its manifest says', { chunk: n })
    if (entry.kind === 'window') unpackWindow([bytes])
    rows[entry.kind] += entry.rows
    onProgress(n + 1, chunks.length)
    await pace()
  }
  if (joinTops(tops).root !== bytesToText(read.header.stateRoot)) throw invalidSnapshot('the parts together give the state root', { height })
  await snapshotBlock(folder.of(height), read)
  return {
    height, id: read.id, parts: chunks.length, bytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0), leaves: rows.state, listRows: rows.index, windowRows: rows.window,
    certifiedBy: finality.certificate.signatures.map(({ node }) => node),
  }
}
