import { join } from 'node:path'
import { stat } from 'node:fs/promises'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Damage } from '../state/ledger-damage.ts'
import { readLedger } from '../state/ledger-image.ts'
import type { LedgerImage } from '../state/ledger-image.ts'
import { RecordReader, SMALL_RECORD_BYTES } from '../state/ledger-reader.ts'
import type { LedgerRecord } from '../state/ledger-record.ts'
import { listSegments, segmentPath } from '../state/ledger-segment.ts'
import type { RecordPlace } from '../state/ledger-state.ts'
import { nodeFileSystem } from '../state/node-file-system.ts'
import type { VerifyJournal } from './verify-report.ts'

/** A ledger whose every byte was read: what it holds, and where the records are that later checks read again. */
export interface ScannedLedger {
  readonly image: LedgerImage
  readonly segments: number
  readonly records: number
  readonly bytes: number
  readonly certificates: readonly RecordPlace[]
  readonly attestations: readonly RecordPlace[]
  readonly reader: RecordReader
}

export const recordAt = (ledger: ScannedLedger, place: RecordPlace): LedgerRecord => ledger.reader.read(place, SMALL_RECORD_BYTES)

/**
 * Reads the ledger from its first byte to its last and reports every byte range that is not as it was written. Nothing is changed and no lock taken.
 * `tornTailAllowed`: bytes after the last durable record are no finding, as in a copy of a running node. Undefined when so much is lost that records cannot be read;
 * `LEDGER_WRONG_CHAIN` and `LEDGER_VERSION_UNSUPPORTED` are thrown.
 */
export async function scanLedgerFiles(directory: string, chain: Uint8Array, journal: VerifyJournal, tornTailAllowed: boolean): Promise<ScannedLedger | undefined> {
  const bytes = await segmentBytes(directory)
  let records = 0
  const certificates: RecordPlace[] = []
  const attestations: RecordPlace[] = []
  let image: LedgerImage | undefined
  try {
    image = await readLedger(nodeFileSystem, directory, chain, (record, { segment, offset }) => {
      if (records++ % 1024 === 0) journal.progress('ledger', bytes.before(segment) + offset, bytes.total)
      if (record.type === 'certificate') certificates.push({ segment, offset })
      if (record.type === 'attestation') attestations.push({ segment, offset })
    })
  } catch (error) {
    if (errorCode(error) !== 'LEDGER_UNREPAIRABLE') throw error
    journal.find({ part: 'ledger', code: 'LEDGER_UNREPAIRABLE', rule: 'some segment has an intact header', file: directory })
    return undefined
  }
  if (image === undefined) throw new SteleError({ code: 'VERIFY_NO_DATA', message: 'there is no ledger in this folder', details: { directory } })
  journal.progress('ledger', bytes.total, bytes.total)
  for (const damage of image.damaged.toSorted((a, b) => a.segment - b.segment || a.offset - b.offset)) report(damage, journal, tornTailAllowed)
  return { image, segments: image.newestSegment, records, bytes: bytes.total, certificates, attestations, reader: new RecordReader(nodeFileSystem, directory, image.identity.salt) }
}

async function segmentBytes(directory: string): Promise<{ total: number; before(segment: number): number }> {
  const segments = await listSegments(nodeFileSystem, directory)
  const sizes = await Promise.all(segments.map(async (sequence) => ({ sequence, size: (await stat(segmentPath(directory, sequence))).size })))
  return {
    total: sizes.reduce((sum, { size }) => sum + size, 0),
    before: (segment) => sizes.reduce((sum, { sequence, size }) => (sequence < segment ? sum + size : sum), 0),
  }
}

const WHAT = {
  header: 'both copies of the segment header, and the bytes between them and the slots, are as written',
  slot: 'the slots are as written',
  record: 'every record matches its checksum and is chained to the one before',
  tail: 'nothing but zeros follows the last record',
  missing: 'no segment is missing',
  short: 'the segment has its full length',
  hole: 'a repair that was begun is finished',
} as const satisfies Record<Damage['kind'], string>

function report({ kind, durable, segment, offset, bytes, index, height, recordType, fix }: Damage, journal: VerifyJournal, tornTailAllowed: boolean): void {
  if (!durable && tornTailAllowed) return journal.skip('ledger', `${bytes} bytes at segment ${segment}, offset ${offset} are a batch that was not finished`)
  journal.find({
    part: 'ledger', code: !durable ? 'LEDGER_TORN' : fix === 'none' ? 'LEDGER_UNREPAIRABLE' : 'LEDGER_DAMAGED', rule: durable ? WHAT[kind] : 'nothing follows the last durable record',
    segment, offset, bytes, ...(index === undefined ? {} : { index }), ...(height === undefined ? {} : { height }),
    details: { ...(recordType === undefined ? {} : { record: recordType }), repair: fix },
  })
}

export const ledgerFolder = (dataDir: string): string => join(dataDir, 'ledger')
