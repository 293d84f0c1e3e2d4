import { SteleError } from '../primitives/error.ts'
import type { FileSystem, SyncReader } from './file-system.ts'
import { RECORD_HEADER_BYTES, maybeDecodeRecordHeader, recordBytes, segmentSeed } from './ledger-format.ts'
import { decodePayload } from './ledger-record.ts'
import type { RecordHeader } from './ledger-format.ts'
import type { LedgerRecord } from './ledger-record.ts'
import { payloadIntact, payloadOf } from './ledger-scan.ts'
import { segmentPath } from './ledger-segment.ts'
import type { RecordPlace } from './ledger-state.ts'

const OPEN_FILES_MAX = 32

/** Reads single records back, checking both checksums each time: bytes that changed since they were written are never served. */
export class RecordReader {
  readonly #fileSystem: FileSystem
  readonly #directory: string
  readonly #salt: Uint8Array
  readonly #open = new Map<number, SyncReader>()

  constructor(fileSystem: FileSystem, directory: string, salt: Uint8Array) {
    this.#fileSystem = fileSystem
    this.#directory = directory
    this.#salt = salt
  }

  /** The record at `place`; `LEDGER_DAMAGED` when its bytes are not what was written. */
  read(place: RecordPlace, payloadBytesHint: number): LedgerRecord {
    const seed = segmentSeed(this.#salt, place.segment)
    const file = this.#file(place.segment)
    let bytes = file.readSync(place.offset, recordBytes(payloadBytesHint))
    const header = maybeDecodeRecordHeader(bytes, seed, place.offset)
    if (header === undefined) throw damaged(place)
    if (recordBytes(header.payloadBytes) > bytes.length) bytes = file.readSync(place.offset, recordBytes(header.payloadBytes))
    // The seed is bound to the segment and the header to its offset, so the copy at hand is judged from its own start.
    if (bytes.length < recordBytes(header.payloadBytes) || !payloadIntact(bytes, 0, header, seed)) throw damaged(place)
    return decodePayload(header, payloadOf(bytes, { offset: 0 }, header))
  }

  /** The header of the record at `place`; undefined when it is damaged. */
  headerAt(place: RecordPlace): RecordHeader | undefined {
    return maybeDecodeRecordHeader(this.#file(place.segment).readSync(place.offset, RECORD_HEADER_BYTES), segmentSeed(this.#salt, place.segment), place.offset)
  }

  /** Lets go of files before `segment`: a deleted file gives its room back only when nobody has it open. */
  forget(segment: number): void {
    for (const [sequence, file] of this.#open) {
      if (sequence >= segment) continue
      file.closeSync()
      this.#open.delete(sequence)
    }
  }

  close(): void {
    for (const file of this.#open.values()) file.closeSync()
    this.#open.clear()
  }

  #file(segment: number): SyncReader {
    const known = this.#open.get(segment)
    if (known !== undefined) return known
    if (this.#open.size >= OPEN_FILES_MAX) {
      const [oldest] = this.#open
      if (oldest !== undefined) {
        oldest[1].closeSync()
        this.#open.delete(oldest[0])
      }
    }
    const file = this.#fileSystem.openSync(segmentPath(this.#directory, segment))
    this.#open.set(segment, file)
    return file
  }
}

/** Payload length to read at once for records whose size is not indexed. */
export const SMALL_RECORD_BYTES = 4096 - RECORD_HEADER_BYTES

function damaged(place: RecordPlace): SteleError {
  return new SteleError({ code: 'LEDGER_DAMAGED', message: 'a record does not match its checksum', details: { segment: place.segment, offset: place.offset } })
}
