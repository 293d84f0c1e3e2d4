import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { formsOf, NeedleSearch } from '../client/needles.ts'

/** Bytes to be searched, and what to call them when something is found. */
export interface Haystack { readonly place: string; readonly bytes: Buffer }

/** Runs of hexadecimal digits this long turn up by chance in hex text: 16⁻⁶ a position, and an RPC call is tens of kilobytes of hex. */
const HEX_BY_CHANCE = /^[0-9a-f]{6,11}$/i

/**
 * Looks for needles as UTF-8, hex and base64 in many places. A needle that itself reads as a short run of hex digits (a code such as 44465007) counts as
 * UTF-8 only where it stands alone, with no further hex digit beside it; its hex and base64 forms count anywhere.
 */
export class LeakSearch {
  readonly #search: NeedleSearch
  /** What is looked for → the needle it is a form of. */
  readonly #sources = new Map<string, string>()
  readonly #alone: ReadonlySet<string>

  constructor(needles: ReadonlySet<string>) {
    this.#alone = new Set([...needles].filter((needle) => HEX_BY_CHANCE.test(needle)))
    for (const needle of needles) {
      if (!this.#alone.has(needle)) this.#sources.set(needle, needle)
      else for (const form of formsOf(needle).slice(1)) this.#sources.set(form.toString('latin1'), needle)
    }
    this.#search = new NeedleSearch(this.#sources.keys())
  }

  /** The needles found, each with the place and offset of one form: "city-hospital/node.log: Haddad at 1042". */
  find({ place, bytes }: Haystack): string[] {
    const found = new Map([...this.#search.find(bytes)].map(([form, at]) => [this.#sources.get(form)!, at]))
    for (let at = 0, start = -1; at <= bytes.length; at++) {
      if (at < bytes.length && isHexDigit(bytes[at]!)) {
        if (start < 0) start = at
      } else if (start >= 0) {
        const length = at - start
        const run = length >= 6 && length <= 11 ? bytes.toString('latin1', start, at) : ''
        if (this.#alone.has(run)) found.set(run, start)
        start = -1
      }
    }
    return [...found].map(([needle, at]) => `${place}: ${needle} at ${at}`)
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 102) || (byte >= 65 && byte <= 70)
}

/**
 * Everything under a folder whose processes have ended: each file as it lies there, the names of all files, and the rows of every LevelDB, because its table
 * files are compressed and a word that occurred before stands in them as a reference.
 */
export async function haystacksOf(folder: string): Promise<Haystack[]> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name))
  const raw = paths.map((path) => ({ place: relative(folder, path), bytes: readFileSync(path) }))
  const databases = files.filter(({ name }) => name === 'CURRENT').map(({ parentPath }) => parentPath)
  const rows: Haystack[] = []
  for (const path of databases) rows.push({ place: `${relative(folder, path)} (rows)`, bytes: await rowsOf(path) })
  return [...raw, ...rows, { place: 'names of files', bytes: Buffer.from(raw.map(({ place }) => place).join('\n')) }]
}

async function rowsOf(path: string): Promise<Buffer> {
  const database = new ClassicLevel<Buffer, Buffer>(path, { keyEncoding: 'buffer', valueEncoding: 'buffer', createIfMissing: false })
  try {
    return Buffer.concat((await database.iterator().all()).flat())
  } finally {
    await database.close()
  }
}
