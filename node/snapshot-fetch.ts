import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encode } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import { checkChunk, chunkName, writeWhole } from '../state/snapshot-folder.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import type { SnapshotInstall } from '../state/snapshot-install.ts'
import { SNAPSHOT_METHODS, chunkQuery } from './snapshot-server.ts'

export interface FetchProgress { readonly height: number; readonly parts: number; readonly of: number; readonly bytes: number; readonly bytesOf: number }

export interface FetchPorts {
  readonly sync: Pick<SyncProtocol, 'request'>
  readonly nodes: readonly number[]
  readonly logger: Logger
  readonly signal: AbortSignal
  readonly blame: (node: number, code: string) => void
  readonly onProgress: (progress: FetchProgress) => void
}

/** Requests under way to one member; each brings at most one part. */
const PER_NODE = 2
/** A member that failed so often in a row is left alone until the rest is done. */
const FAILURES_MAX = 3
const CHUNK_TIMEOUT_MS = 30_000

/**
 * Fetches every part that is not installed yet, from all `nodes` at once, keeps it in `directory` and installs it. A part that is not the one the manifest names, or does not prove itself, is refused,
 * counts against its sender and is asked of another. Resolves when all are installed. Throws `SNAPSHOT_UNAVAILABLE` when no member is left to ask.
 */
export async function fetchParts(directory: string, read: ReadManifest, install: SnapshotInstall, ports: FetchPorts): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await new PartsFetch(directory, read, install, ports).run()
}

class PartsFetch {
  readonly #directory: string
  readonly #read: ReadManifest
  readonly #install: SnapshotInstall
  readonly #ports: FetchPorts
  readonly #waiting: number[] = []
  readonly #refusedBy = new Map<number, Set<number>>()
  /** Parts are installed one after the other; fetching goes on meanwhile. */
  #installing: Promise<void> = Promise.resolve()
  #parts = 0
  #bytes = 0

  constructor(directory: string, read: ReadManifest, install: SnapshotInstall, ports: FetchPorts) {
    this.#directory = directory
    this.#read = read
    this.#install = install
    this.#ports = ports
  }

  async run(): Promise<void> {
    const { chunks } = this.#read.manifest
    for (const n of chunks.keys()) {
      if (!(await this.#takeStored(n))) this.#waiting.push(n)
    }
    this.#tell()
    while (this.#parts < chunks.length) {
      const before = this.#parts
      await Promise.all(this.#ports.nodes.flatMap((node) => {
        const failures = { count: 0 }
        return Array.from({ length: PER_NODE }, () => this.#drain(node, failures))
      }))
      await this.#installing
      this.#ports.signal.throwIfAborted()
      if (this.#parts === before) throw new SteleError({ code: 'SNAPSHOT_UNAVAILABLE', message: 'no member serves the missing parts now', details: { height: Number(this.#read.manifest.height), missing: chunks.length - this.#parts }, retryable: true })
    }
  }

  /** A part that an earlier run left here. */
  async #takeStored(n: number): Promise<boolean> {
    const entry = this.#read.manifest.chunks[n]!
    let bytes
    try {
      bytes = await readFile(join(this.#directory, chunkName(n)))
      checkChunk(entry, bytes, { chunk: n })
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'SNAPSHOT_CHUNK_CORRUPT') throw error
      return false
    }
    if (!this.#install.has(n)) await this.#install.take(n, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))
    this.#count(n)
    return true
  }

  async #drain(node: number, failures: { count: number }): Promise<void> {
    while (failures.count < FAILURES_MAX && !this.#ports.signal.aborted) {
      const at = this.#waiting.findIndex((n) => this.#refusedBy.get(n)?.has(node) !== true)
      if (at === -1) return
      const [n] = this.#waiting.splice(at, 1)
      try {
        await this.#fetch(node, n!)
        failures.count = 0
      } catch (error) {
        this.#waiting.push(n!)
        if (this.#ports.signal.aborted || !(error instanceof SteleError) || error.code === 'STATE_WRITE_FAILED') throw error
        failures.count++
        this.#refuse(node, n!, error)
      }
    }
  }

  async #fetch(node: number, n: number): Promise<void> {
    const { sync, signal } = this.#ports
    const { manifest } = this.#read
    const entry = manifest.chunks[n]!
    const bytes = await sync.request(node, SNAPSHOT_METHODS.chunk, encode(chunkQuery, { height: manifest.height, chunk: n }), { signal, timeoutMs: CHUNK_TIMEOUT_MS, maxBytes: entry.bytes + 1 })
    checkChunk(entry, bytes, { node, chunk: n })
    await writeWhole(join(this.#directory, chunkName(n)), bytes)
    const installed = this.#installing.then(() => this.#install.take(n, bytes))
    this.#installing = installed.catch(() => undefined) // Who brought this part hears of its failure below; the next part has its own turn.
    await installed
    this.#count(n)
    this.#tell()
  }

  #refuse(node: number, n: number, error: SteleError): void {
    const refused = this.#refusedBy.get(n) ?? new Set()
    refused.add(node)
    this.#refusedBy.set(n, refused)
    const wrong = error.code === 'SNAPSHOT_CHUNK_CORRUPT' || error.code === 'SNAPSHOT_INVALID'
    this.#ports.logger[wrong ? 'warn' : 'debug']({ node, chunk: n, code: error.code, details: error.details }, wrong ? 'a member served a part that cannot be taken; another is asked' : 'a member does not serve a part')
    if (wrong) this.#ports.blame(node, error.code)
  }

  #count(n: number): void {
    this.#parts++
    this.#bytes += this.#read.manifest.chunks[n]!.bytes
  }

  #tell(): void {
    const { chunks, height } = this.#read.manifest
    this.#ports.onProgress({ height: Number(height), parts: this.#parts, of: chunks.length, bytes: this.#bytes, bytesOf: chunks.reduce((sum, chunk) => sum + chunk.bytes, 0) })
  }
}
