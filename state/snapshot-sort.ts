import { appendFile, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from './digest.ts'
import type { Digest } from './digest.ts'
import { packRows, rowBytes, unpackRows } from './snapshot-format.ts'
import type { PackedRow } from './snapshot-format.ts'
import type { TreePlace } from './snapshot-tree.ts'

interface SortedRow extends PackedRow { readonly keyHash: Digest }
interface Bucket { rows: PackedRow[]; bytes: number; count: number; spilled: boolean }

export interface SortOptions {
  /** Where buckets go that do not fit into memory; an existing folder. */
  readonly directory: string
  /** Rows are divided by this many leading bits of their key hash; one bucket at a time is in memory when they are read. 0 to 12. */
  readonly bucketBits: number
  /** Bytes of rows held in memory before they are written out. */
  readonly spillBytes: number
}

/** Sorts state rows by key hash in bounded memory, and cuts them into parts by a rule that depends on the rows alone. */
export class LeafSorter {
  readonly #options: SortOptions
  readonly #buckets: Bucket[]
  #waitingBytes = 0

  constructor(options: SortOptions) {
    this.#options = options
    this.#buckets = Array.from({ length: 2 ** options.bucketBits }, () => ({ rows: [], bytes: 0, count: 0, spilled: false }))
  }

  /** Takes the rows over: they must not be changed. */
  async add(row: PackedRow): Promise<void> {
    const { bucketBits, spillBytes } = this.#options
    const keyHash = digestOf(row.key)
    const bucket = this.#buckets[((keyHash.charCodeAt(0) << 8) | keyHash.charCodeAt(1)) >> (16 - bucketBits)]!
    const bytes = rowBytes(row)
    bucket.rows.push(row)
    bucket.bytes += bytes
    bucket.count++
    this.#waitingBytes += bytes
    if (this.#waitingBytes > spillBytes) await this.#spill()
  }

  async #spill(): Promise<void> {
    for (const [i, bucket] of this.#buckets.entries()) {
      if (bucket.rows.length === 0) continue
      await appendFile(this.#path(i), packRows(bucket.rows), { mode: 0o600 })
      bucket.rows = []
      bucket.spilled = true
    }
    this.#waitingBytes = 0
  }

  /** The parts in order of key hash, each with its rows in order: every place of more than `chunkBytes` and one row is halved. Each is read once; buckets are deleted behind. */
  async *parts(chunkBytes: number): AsyncGenerator<{ readonly place: TreePlace; readonly rows: readonly PackedRow[] }> {
    yield* this.#split(0, 0, chunkBytes)
  }

  async *#split(bits: number, value: number, chunkBytes: number): AsyncGenerator<{ readonly place: TreePlace; readonly rows: readonly PackedRow[] }> {
    const { bucketBits } = this.#options
    const span = 2 ** (bucketBits - bits)
    const first = value * span
    let [bytes, count] = [0, 0]
    for (let i = first; i < first + span; i++) {
      bytes += this.#buckets[i]!.bytes
      count += this.#buckets[i]!.count
    }
    const path = pathOf(bits, value)
    if (bytes <= chunkBytes || count < 2) {
      const rows: SortedRow[] = []
      for (let i = first; i < first + span; i++) rows.push(...await this.#load(i))
      yield { place: { bits, path }, rows }
    } else if (bits === bucketBits) yield* halve({ bits, path }, await this.#load(first), chunkBytes)
    else {
      yield* this.#split(bits + 1, 2 * value, chunkBytes)
      yield* this.#split(bits + 1, 2 * value + 1, chunkBytes)
    }
  }

  async #load(i: number): Promise<SortedRow[]> {
    const bucket = this.#buckets[i]!
    const stored = bucket.spilled ? unpackRows(await readFile(this.#path(i))) : []
    if (bucket.spilled) await rm(this.#path(i))
    const rows = [...stored, ...bucket.rows].map(({ key, value }) => ({ key, value, keyHash: digestOf(key) }))
    bucket.rows = []
    return rows.sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1))
  }

  #path(i: number): string {
    return join(this.#options.directory, `sort-${i}`)
  }
}

/** `bits` leading bits as bytes. */
function pathOf(bits: number, value: number): Uint8Array {
  const path = new Uint8Array(Math.ceil(bits / 8))
  const aligned = value * 2 ** (8 * path.length - bits)
  path.forEach((_, i) => { path[i] = Math.floor(aligned / 2 ** (8 * (path.length - 1 - i))) & 0xff })
  return path
}

function* halve(place: TreePlace, rows: readonly SortedRow[], chunkBytes: number): Generator<{ readonly place: TreePlace; readonly rows: readonly PackedRow[] }> {
  const bytes = rows.reduce((sum, row) => sum + rowBytes(row), 0)
  if (bytes <= chunkBytes || rows.length < 2) {
    yield { place, rows }
    return
  }
  const { bits } = place
  const [byte, mask] = [bits >> 3, 1 << (7 - (bits & 7))]
  const middle = rows.findIndex(({ keyHash }) => (keyHash.charCodeAt(byte) & mask) !== 0)
  const at = middle === -1 ? rows.length : middle
  yield* halve(childOf(place, 0), rows.slice(0, at), chunkBytes)
  yield* halve(childOf(place, 1), rows.slice(at), chunkBytes)
}

function childOf({ bits, path }: TreePlace, bit: 0 | 1): TreePlace {
  const longer = new Uint8Array(Math.ceil((bits + 1) / 8))
  longer.set(path)
  if (bit === 1) longer[bits >> 3]! |= 1 << (7 - (bits & 7))
  return { bits: bits + 1, path: longer }
}
