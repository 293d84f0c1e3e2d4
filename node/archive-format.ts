import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { concatBytes, equalBytes, toHex, u32Bytes, utf8Bytes } from '../primitives/bytes.ts'
import { array, bytes, decode, encode, fixedBytes, struct, u32, u64 } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'

/**
 * An archive file: magic (8), then records, each u32 length ‖ u32 CRC-32 ‖ payload, big-endian. First the head, then the blocks in order of height, last the proof. A file without its proof is unfinished:
 * the export goes on behind its last whole record.
 */
const MAGIC = utf8Bytes('STELEARC')
const RECORD_HEAD_BYTES = 8
const RECORD_BYTES_MAX = 64 * 1024 * 1024

export const archiveHead = struct({ v: u32, chain: fixedBytes(32), from: u64, to: u64 })
export type ArchiveHead = Infer<typeof archiveHead>
/** A block as it stands in the log, and its receipts in order. */
export const archiveBlock = struct({ height: u64, data: bytes({ max: 1_300_000 }), receipts: array(bytes({ max: 1024 * 1024 }), { max: 1000 }) })
export type ArchiveBlock = Infer<typeof archiveBlock>
/** `proof`: snapshotProof of the last block. `digest`: SHA-256 over the payloads of all records before, so that nothing was exchanged between two readings. */
export const archiveEnd = struct({ proof: bytes({ max: 8 * 1024 * 1024 }), digest: fixedBytes(32) })

export function archiveError(rule: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): SteleError {
  return new SteleError({ code: 'ARCHIVE_INVALID', message: 'the archive breaks a rule', details: { rule, ...details }, cause })
}

export function encodeRecord(payload: Uint8Array): Uint8Array {
  return concatBytes(u32Bytes(payload.length), u32Bytes(crc32(payload)), payload)
}

export const archiveStart = (head: ArchiveHead): Uint8Array => concatBytes(MAGIC, encodeRecord(encode(archiveHead, head)))

export interface ArchiveRecord { readonly payload: Uint8Array; readonly at: number; readonly end: number }

/** Reads an archive's records one by one, in bounded memory. */
export class ArchiveReader {
  readonly #file: FileHandle
  readonly head: ArchiveHead
  /** Where the first block stands. */
  readonly start: number

  private constructor(file: FileHandle, head: ArchiveHead, start: number) {
    this.#file = file
    this.head = head
    this.start = start
  }

  /** `ARCHIVE_INVALID`, `ARCHIVE_VERSION_UNSUPPORTED`, `ARCHIVE_WRONG_CHAIN`, `ARCHIVE_UNREADABLE`. */
  static async open(path: string, chain: Uint8Array): Promise<ArchiveReader> {
    const file = await open(path, 'r').catch((cause: unknown) => { throw unreadable(path, cause) })
    try {
      if ((await file.stat()).isDirectory()) throw unreadable(path, undefined)
      const magic = await readAt(file, 0, MAGIC.length)
      const first = equalBytes(magic, MAGIC) ? await recordAt(file, MAGIC.length) : undefined
      if (first === undefined) throw archiveError('the file begins like an archive', { path })
      const head = decodeAs(archiveHead, first.payload)
      if (head.v !== 1) throw new SteleError({ code: 'ARCHIVE_VERSION_UNSUPPORTED', message: 'the archive has a format that this program does not know', details: { version: head.v } })
      if (!equalBytes(head.chain, chain)) throw new SteleError({ code: 'ARCHIVE_WRONG_CHAIN', message: 'the archive belongs to another chain', details: { chain: toHex(head.chain) } })
      return new ArchiveReader(file, head, first.end)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** The record at `at`; undefined where the file ends or a record is torn or damaged. */
  record(at: number): Promise<ArchiveRecord | undefined> { return recordAt(this.#file, at) }
  /** Bytes of the file. */
  async bytes(): Promise<number> { return (await this.#file.stat()).size }
  close(): Promise<void> { return this.#file.close() }
}

function unreadable(path: string, cause: unknown): SteleError {
  return new SteleError({ code: 'ARCHIVE_UNREADABLE', message: 'the archive cannot be read', details: { path, reason: cause === undefined ? 'EISDIR' : errorCode(cause) }, cause })
}

/** Decodes a record of an archive; `ARCHIVE_INVALID` for other bytes. */
export function decodeAs<T>(schema: Parameters<typeof decode<T>>[0], payload: Uint8Array): T {
  try {
    return decode(schema, payload, { maxBytes: RECORD_BYTES_MAX })
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') !== true) throw error
    throw archiveError('a record is canonical bytes', {}, error)
  }
}

async function recordAt(file: FileHandle, at: number): Promise<ArchiveRecord | undefined> {
  const head = await readAt(file, at, RECORD_HEAD_BYTES)
  if (head.length < RECORD_HEAD_BYTES) return undefined
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  const length = view.getUint32(0)
  if (length > RECORD_BYTES_MAX) return undefined
  const payload = await readAt(file, at + RECORD_HEAD_BYTES, length)
  if (payload.length < length || crc32(payload) !== view.getUint32(4)) return undefined
  return { payload, at, end: at + RECORD_HEAD_BYTES + length }
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  const { bytesRead } = await file.read(buffer, 0, length, at)
  return buffer.subarray(0, bytesRead)
}
