import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RECORD_HEADER_BYTES } from '../../state/ledger-format.ts'
import { readLedger } from '../../state/ledger-image.ts'
import type { LedgerRecord } from '../../state/ledger-record.ts'
import { segmentPath } from '../../state/ledger-segment.ts'
import { nodeFileSystem } from '../../state/node-file-system.ts'

/** Flips one bit of a file. */
export function flipBit(path: string, offset: number, bit = 0): void {
  const bytes = readFileSync(path)
  bytes[offset]! ^= 1 << bit
  writeFileSync(path, bytes)
}

/** A record of a stored ledger: its file, where it begins and where its payload does. */
export interface StoredRecord { readonly record: LedgerRecord; readonly path: string; readonly offset: number; readonly payloadOffset: number }

/** All records of the ledger in a data folder, in order. */
export async function recordsIn(dataDir: string): Promise<StoredRecord[]> {
  const directory = join(dataDir, 'ledger')
  const records: StoredRecord[] = []
  await readLedger(nodeFileSystem, directory, undefined, (record, { segment, offset }) => {
    records.push({ record, path: segmentPath(directory, segment), offset, payloadOffset: offset + RECORD_HEADER_BYTES })
  })
  return records
}
