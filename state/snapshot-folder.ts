import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../primitives/bytes.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { sha256 } from '../primitives/hash.ts'
import { invalidSnapshot, readManifest } from './snapshot-format.ts'
import type { ChunkEntry, ReadManifest } from './snapshot-format.ts'

const MANIFEST = 'manifest'
const PROOF = 'proof'
const HEIGHT_DIGITS = 16

/** Writes a file so that it is there whole or not at all, and durable when this resolves but for its name. */
export async function writeWhole(path: string, content: Uint8Array): Promise<void> {
  const unfinished = `${path}.new`
  const file = await open(unfinished, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
}

export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Names in a folder; none when there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

export const chunkName = (n: number): string => `${String(n).padStart(6, '0')}.part`

/** A folder with one snapshot per subfolder, named by its height. A subfolder without a manifest is unfinished; one without a proof of finality is not served yet. */
export class SnapshotFolder {
  readonly path: string
  readonly #chain: Uint8Array

  constructor(path: string, chain: Uint8Array) {
    this.path = path
    this.#chain = chain
  }

  of(height: number): string { return join(this.path, String(height).padStart(HEIGHT_DIGITS, '0')) }

  /** Heights of finished snapshots, ascending. */
  async heights(): Promise<number[]> {
    const heights: number[] = []
    for (const name of await namesIn(this.path)) {
      if (/^\d{16}$/.test(name) && (await namesIn(join(this.path, name))).includes(MANIFEST)) heights.push(Number(name))
    }
    return heights
  }

  /** The manifest at a height, checked. `SNAPSHOT_NOT_FOUND`, or what `readManifest` throws. */
  async manifest(height: number): Promise<ReadManifest> {
    const read = readManifest(this.#chain, await this.#file(height, MANIFEST))
    if (Number(read.manifest.height) !== height) throw invalidSnapshot('a snapshot stands under its height', { height })
    return read
  }

  /** Bytes of the proof that the snapshot's block is final; undefined until there is one. */
  async proof(height: number): Promise<Uint8Array | undefined> {
    return (await namesIn(this.of(height))).includes(PROOF) ? this.#file(height, PROOF) : undefined
  }

  async writeProof(height: number, proof: Uint8Array): Promise<void> {
    await writeWhole(join(this.of(height), PROOF), proof)
    await syncFolder(this.of(height))
  }

  /** Part `n`, compared with the manifest's digest. `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_CHUNK_CORRUPT`. */
  async chunk(height: number, n: number, entry: ChunkEntry): Promise<Uint8Array> {
    const bytes = await this.#file(height, chunkName(n))
    checkChunk(entry, bytes, { height, chunk: n })
    return bytes
  }

  /** Begins a snapshot: an empty folder that does not count until `finish`. */
  async begin(height: number): Promise<string> {
    const folder = `${this.of(height)}.new`
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return folder
  }

  async finish(height: number, manifest: Uint8Array): Promise<void> {
    const folder = `${this.of(height)}.new`
    await writeWhole(join(folder, MANIFEST), manifest)
    await syncFolder(folder)
    await rm(this.of(height), { recursive: true, force: true })
    await rename(folder, this.of(height))
    await syncFolder(this.path)
  }

  async remove(height: number): Promise<void> {
    // Without its manifest it does not count any more, whatever a crash leaves of the rest.
    await rm(join(this.of(height), MANIFEST), { force: true })
    await rm(this.of(height), { recursive: true, force: true })
  }

  /** Deletes what an earlier run left unfinished. */
  async sweep(): Promise<void> {
    const finished = new Set((await this.heights()).map((height) => this.of(height)))
    for (const name of await namesIn(this.path)) if (!finished.has(join(this.path, name))) await rm(join(this.path, name), { recursive: true, force: true })
  }

  async #file(height: number, name: string): Promise<Uint8Array> {
    try {
      const content = await readFile(join(this.of(height), name))
      return new Uint8Array(content.buffer, content.byteOffset, content.length)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      throw new SteleError({ code: 'SNAPSHOT_NOT_FOUND', message: 'there is no such snapshot, or a file of it is gone', details: { height, file: name }, cause: error })
    }
  }
}

/** Throws `SNAPSHOT_CHUNK_CORRUPT` unless `bytes` are the part that the manifest names. */
export function checkChunk(entry: ChunkEntry, bytes: Uint8Array, details: Readonly<Record<string, unknown>>): void {
  if (bytes.length === entry.bytes && equalBytes(sha256(bytes), entry.hash)) return
  throw new SteleError({ code: 'SNAPSHOT_CHUNK_CORRUPT', message: 'a part of a snapshot is not the one its manifest names', details: { ...details, bytes: bytes.length, expected: entry.bytes } })
}
