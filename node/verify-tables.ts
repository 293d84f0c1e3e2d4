import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { VerifyJournal } from './verify-report.ts'

/**
 * Checksums of LevelDB's own files, which LevelDB itself does not check on the way this project reads it: every block of a table and every record of a log carries a masked CRC-32C.
 * Formats: doc/table_format.md and doc/log_format.md of LevelDB. Every byte of a table, a log or a manifest is covered by a checksum, a magic number or a zero that must be there.
 */
const LOG_BLOCK_BYTES = 32 * 1024
const LOG_HEADER_BYTES = 7
const TABLE_FOOTER_BYTES = 48
const TABLE_TRAILER_BYTES = 5
const TABLE_MAGIC = 0xdb4775248b80fb57n

interface Fault { readonly offset: number; readonly bytes: number; readonly rule: string }

/** Checks all files of the database in `directory`; returns how many. Nothing is opened for writing. */
export async function checkDatabaseFiles(directory: string, journal: VerifyJournal): Promise<number> {
  let files = 0
  const names = (await readdir(directory)).sort()
  for (const name of names) {
    const faultsOf = checkerOf(name, names)
    if (faultsOf === undefined) continue
    files++
    const bytes = await readFile(join(directory, name))
    for (const { offset, bytes: length, rule } of faultsOf(bytes)) journal.find({ part: 'state', code: 'STATE_FILE_DAMAGED', rule, file: join(directory, name), offset, bytes: length })
  }
  return files
}

function checkerOf(name: string, names: readonly string[]): ((bytes: Uint8Array) => Iterable<Fault>) | undefined {
  if (/^\d+\.(ldb|sst)$/.test(name)) return tableFaults
  if (/^\d+\.log$/.test(name) || /^MANIFEST-\d+$/.test(name)) return logFaults
  if (name === 'CURRENT') return (bytes) => currentFaults(bytes, names)
  return undefined
}

function* currentFaults(bytes: Uint8Array, names: readonly string[]): Generator<Fault> {
  const text = new TextDecoder().decode(bytes)
  if (!text.endsWith('\n') || !names.includes(text.slice(0, -1))) yield { offset: 0, bytes: bytes.length, rule: 'the file names the manifest' }
}

export function* logFaults(file: Uint8Array): Generator<Fault> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  let at = 0
  while (at < file.length) {
    const left = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES)
    if (left < LOG_HEADER_BYTES) {
      if (file.subarray(at, at + left).some((byte) => byte !== 0)) yield { offset: at, bytes: left, rule: 'a block of the log ends in zeros' }
      at += left
      continue
    }
    if (at + LOG_HEADER_BYTES > file.length) return yield { offset: at, bytes: file.length - at, rule: 'the log ends with a whole record' }
    const length = view.getUint16(at + 4, true)
    const end = at + LOG_HEADER_BYTES + length
    if (LOG_HEADER_BYTES + length > left || end > file.length) return yield { offset: at, bytes: Math.min(left, file.length - at), rule: 'a record of the log lies within its block' }
    if (view.getUint32(at, true) !== masked(crc32c(file, at + 6, end))) yield { offset: at, bytes: end - at, rule: 'a record of the log matches its checksum' }
    at = end
  }
}

export function* tableFaults(file: Uint8Array): Generator<Fault> {
  const footer = file.length - TABLE_FOOTER_BYTES
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (footer < 0 || view.getBigUint64(file.length - 8, true) !== TABLE_MAGIC) return yield { offset: Math.max(0, footer), bytes: Math.min(TABLE_FOOTER_BYTES, file.length), rule: 'the table ends with its footer' }
  const cursor = new Cursor(file, footer, file.length - 8)
  const meta = cursor.handle()
  const index = cursor.handle()
  if (meta === undefined || index === undefined || file.subarray(cursor.at, file.length - 8).some((byte) => byte !== 0)) return yield { offset: footer, bytes: TABLE_FOOTER_BYTES, rule: 'the footer names index and meta index' }
  const blocks: Handle[] = [meta, index]
  for (const block of [meta, index]) {
    const fault = blockFault(file, block, footer)
    if (fault !== undefined) yield fault
    else blocks.push(...handlesIn(file, block))
  }
  for (const block of blocks.slice(2)) {
    const fault = blockFault(file, block, footer)
    if (fault !== undefined) yield fault
  }
  const covered = blocks.reduce((sum, { size }) => sum + size + TABLE_TRAILER_BYTES, 0)
  if (covered !== footer) yield { offset: 0, bytes: footer, rule: 'the blocks fill the table' }
}

interface Handle { readonly offset: number; readonly size: number }

function blockFault(file: Uint8Array, { offset, size }: Handle, end: number): Fault | undefined {
  if (offset + size + TABLE_TRAILER_BYTES > end) return { offset: Math.min(offset, end), bytes: 0, rule: 'a block lies within the table' }
  const stored = new DataView(file.buffer, file.byteOffset, file.byteLength).getUint32(offset + size + 1, true)
  return stored === masked(crc32c(file, offset, offset + size + 1)) ? undefined : { offset, bytes: size + TABLE_TRAILER_BYTES, rule: 'a block of the table matches its checksum' }
}

/** The block handles that an index block (its checksum was right) holds as values. */
function handlesIn(file: Uint8Array, { offset, size }: Handle): Handle[] {
  const restarts = new DataView(file.buffer, file.byteOffset, file.byteLength).getUint32(offset + size - 4, true)
  const cursor = new Cursor(file, offset, offset + size - 4 - 4 * restarts)
  const handles: Handle[] = []
  while (cursor.at < cursor.end) {
    const shared = cursor.varint()
    const rest = cursor.varint()
    const valueBytes = cursor.varint()
    if (shared === undefined || rest === undefined || valueBytes === undefined) break
    cursor.at += rest
    const next = cursor.at + valueBytes
    const handle = cursor.handle()
    if (handle !== undefined) handles.push(handle)
    cursor.at = next
  }
  return handles
}

class Cursor {
  at: number
  readonly end: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes
    this.at = at
    this.end = end
  }

  /** Little-endian base 128; undefined beyond the end or 2^53. */
  varint(): number | undefined {
    let value = 0
    for (let scale = 1; this.at < this.end && scale < 2 ** 53; scale *= 128) {
      const byte = this.#bytes[this.at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    return undefined
  }

  handle(): Handle | undefined {
    const offset = this.varint()
    const size = this.varint()
    return offset === undefined || size === undefined ? undefined : { offset, size }
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC-32C (Castagnoli) of bytes [from, to). node:zlib has only the other polynomial. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = 0xffffffff
  for (let at = from; at < to; at++) crc = CRC_TABLE[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** LevelDB stores checksums rotated and shifted, since a checksum of data that holds checksums is weak. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
