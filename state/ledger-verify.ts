import { SteleError } from '../primitives/error.ts'
import type { FileSystem } from './file-system.ts'
import type { Damage } from './ledger-damage.ts'
import type { RecordHeader } from './ledger-format.ts'
import { readLedger } from './ledger-image.ts'
import type { LedgerRecord } from './ledger-record.ts'
import type { RecordPlace } from './ledger-state.ts'

export interface LedgerReport {
  readonly segments: number
  readonly records: number
  readonly lastIndex: number
  readonly lastHeight: number
  readonly chainId: Uint8Array
  /** Every byte range that is not as it was written, in file order. One with `durable: false` is what a crash leaves behind the last durable record. */
  readonly damaged: readonly Damage[]
}

/**
 * Reads a ledger without changing a byte and without the lock: for `stele verify`, on a stopped node or a copy (beside a running
 * one the newest records may look torn). Every record, slot, header and the zeros between and after them are checked;
 * reading goes on behind damage. `onRecord` sees the intact records in order; entry data is valid during the call only.
 * `chainId` undefined: whatever chain the first header names. Throws `LEDGER_MISSING`, `LEDGER_WRONG_CHAIN`, `LEDGER_VERSION_UNSUPPORTED`, and
 * `LEDGER_UNREPAIRABLE` when no header is left to read with.
 */
export async function scanLedger(
  fileSystem: FileSystem, directory: string, onRecord: (record: LedgerRecord, place: RecordPlace) => void = () => undefined, chainId?: Uint8Array,
): Promise<LedgerReport> {
  let records = 0
  const image = await readLedger(fileSystem, directory, chainId, (record: LedgerRecord, place: RecordPlace, _header: RecordHeader) => {
    records++
    onRecord(record, { segment: place.segment, offset: place.offset })
  })
  if (image === undefined) throw new SteleError({ code: 'LEDGER_MISSING', message: 'there is no ledger in this directory', details: { directory } })
  const damaged = [...image.damaged].sort((a, b) => a.segment - b.segment || a.offset - b.offset)
  const { index } = image.state
  return { segments: image.newestSegment, records, lastIndex: index.lastIndex, lastHeight: index.lastHeight, chainId: image.identity.chainId, damaged }
}
