import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { openSync, closeSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { namesIn, syncFolder } from '../state/snapshot-folder.ts'
import { ArchiveReader, archiveBlock, archiveError, decodeAs } from './archive-format.ts'
import type { ArchiveBlock } from './archive-format.ts'
import { verifyArchive } from './archive-verify.ts'
import type { ArchiveReport, VerifyArchiveOptions } from './archive-verify.ts'
import type { Trust } from './snapshot-verify.ts'

export const archiveFolder = (dataDir: string): string => join(dataDir, 'archive')
const NAME = /^(\d{16})-(\d{16})\.archive$/

/** Verifies an archive and puts a copy where the node serves it from; complete under its name or not there at all. Throws what `verifyArchive` throws, `OUTPUT_UNWRITABLE`. */
export async function importArchive(path: string, dataDir: string, trust: Trust, options: VerifyArchiveOptions): Promise<ArchiveReport & { readonly path: string }> {
  const report = await verifyArchive(path, trust, options)
  const folder = archiveFolder(dataDir)
  const digits = (height: number): string => String(height).padStart(16, '0')
  const target = join(folder, `${digits(report.from)}-${digits(report.to)}.archive`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await putInPlace(path, target, trust, options)
    await syncFolder(folder)
  } catch (cause) {
    if (cause instanceof SteleError || !(cause instanceof Error) || !('syscall' in cause)) throw cause
    throw new SteleError({ code: 'OUTPUT_UNWRITABLE', message: 'nothing can be written there', details: { folder, reason: errorCode(cause) }, cause })
  }
  return { ...report, path: target }
}

async function putInPlace(path: string, target: string, trust: Trust, options: VerifyArchiveOptions): Promise<void> {
  const unfinished = `${target}.new`
  try {
    await copyFile(path, unfinished)
    await verifyArchive(unfinished, trust, options)
    await rename(unfinished, target)
  } catch (failure) {
    await rm(unfinished, { force: true }).catch((error: unknown) => {
      throw new SteleError({ code: 'OUTPUT_UNWRITABLE', message: 'the archive could not be put in place, nor its unfinished copy be removed', details: { path: unfinished, failed: errorCode(failure), reason: errorCode(error) }, cause: new AggregateError([failure, error]) })
    })
    throw failure
  }
}

interface Shelved { readonly path: string; readonly from: number; readonly to: number; readonly offsets: Float64Array; fd: number | undefined }

/** Blocks that were imported: read where this node itself keeps them no more. Each was verified when it came; a checksum guards each reading. */
export class ArchiveShelf {
  readonly #archives: Shelved[] = []

  /** Opens what lies in the folder and finds its blocks; a file that is no archive of this chain is left out and told. */
  static async open(dataDir: string, chain: Uint8Array, logger: Logger): Promise<ArchiveShelf> {
    const shelf = new ArchiveShelf()
    for (const name of await namesIn(archiveFolder(dataDir))) {
      if (!NAME.test(name)) continue
      try {
        shelf.#archives.push(await findBlocks(join(archiveFolder(dataDir), name), chain))
      } catch (error) {
        if (!(error instanceof SteleError)) throw error
        logger.warn({ name, code: error.code, details: error.details }, 'an archive cannot be served')
      }
    }
    return shelf
  }

  /** The archived block at a height; undefined when no archive holds it. `ARCHIVE_INVALID` when its bytes changed. */
  block(height: number): ArchiveBlock | undefined {
    const archive = this.#archives.find(({ from, to }) => height >= from && height <= to)
    if (archive === undefined) return undefined
    archive.fd ??= openSync(archive.path, 'r')
    const at = archive.offsets[height - archive.from]!
    const head = new Uint8Array(8)
    readSync(archive.fd, head, 0, 8, at)
    const view = new DataView(head.buffer)
    const payload = new Uint8Array(view.getUint32(0))
    readSync(archive.fd, payload, 0, payload.length, at + 8)
    if (crc32(payload) !== view.getUint32(4)) throw archiveError('a record matches its checksum', { path: archive.path, height })
    return decodeAs(archiveBlock, payload)
  }

  close(): void {
    for (const archive of this.#archives) {
      if (archive.fd !== undefined) closeSync(archive.fd)
      archive.fd = undefined
    }
  }
}

async function findBlocks(path: string, chain: Uint8Array): Promise<Shelved> {
  const reader = await ArchiveReader.open(path, chain)
  try {
    const [from, to] = [Number(reader.head.from), Number(reader.head.to)]
    const offsets = new Float64Array(to - from + 1)
    let at = reader.start
    for (let height = from; height <= to; height++) {
      const record = await reader.record(at)
      if (record === undefined) throw archiveError('the archive is whole', { path, height })
      offsets[height - from] = at
      at = record.end
    }
    return { path, from, to, offsets, fd: undefined }
  } finally {
    await reader.close()
  }
}
