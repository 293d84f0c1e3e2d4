import { concatBytes, equalBytes, toHex, u32Bytes } from '../primitives/bytes.ts'
import { array, decode, encode, struct, u32 } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { sectionKeySchema } from '../privacy/section-format.ts'
import type { SectionKey } from '../privacy/section-format.ts'
import type { EncryptedFiles } from './encrypted-files.ts'
import type { VaultErrorCode } from './errors.ts'
import { KeyedLock } from './keyed-lock.ts'

/** Sections of one record version at most, as `records.register` allows. */
const SECTIONS_MAX = 1_024

const versionKeysSchema = array(struct({ section: u32, key: sectionKeySchema }), { max: SECTIONS_MAX })

/** The key of one section of a record version. */
export interface SectionKeyEntry { readonly section: number; readonly key: SectionKey }

/**
 * The custodian's data keys, one encrypted file per record version. A version never changes a key: putting another one is refused, the same is a no-op.
 * Deleting is crypto-shredding: without the key nobody opens the ciphertext, wherever its copies are.
 */
export class KeyStore {
  readonly #files: EncryptedFiles
  readonly #locks = new KeyedLock()

  constructor(files: EncryptedFiles) {
    this.#files = files
  }

  async start(): Promise<void> { await this.#files.start() }

  /** Keeps the keys of a record version, on disk when this returns. Put before `records.register`: a registered section without its key is lost. `KEY_STORE_CONFLICT`. */
  async put(record: Uint8Array, version: number, entries: readonly SectionKeyEntry[]): Promise<void> {
    await this.#exclusive(record, version, async () => {
      const kept = await this.#read(record, version)
      const before = kept.length
      for (const { section, key } of entries) {
        const old = kept.find((entry) => entry.section === section)
        if (old === undefined) kept.push({ section, key })
        else if (!equalKeys(old.key, key)) throw problem('KEY_STORE_CONFLICT', 'another key is kept for this section', record, version, section)
      }
      if (kept.length > before) await this.#write(record, version, kept)
    })
  }

  /** `KEY_STORE_NOT_FOUND` when there is none, `KEY_STORE_DAMAGED`. */
  async get(record: Uint8Array, version: number, section: number): Promise<SectionKey> {
    const found = (await this.#read(record, version)).find((entry) => entry.section === section)
    if (found === undefined) throw problem('KEY_STORE_NOT_FOUND', 'no key is kept for this section', record, version, section)
    return found.key
  }

  /** Sections of a record version whose keys are kept, ascending. */
  async sections(record: Uint8Array, version: number): Promise<number[]> {
    return (await this.#read(record, version)).map(({ section }) => section)
  }

  /** Destroys the key of one section, or of all when `section` is left out; false when there was none. Cannot be undone. */
  async delete(record: Uint8Array, version: number, section?: number): Promise<boolean> {
    return this.#exclusive(record, version, async () => {
      const kept = await this.#read(record, version)
      const rest = section === undefined ? [] : kept.filter((entry) => entry.section !== section)
      if (rest.length === kept.length) return false
      if (rest.length === 0) return this.#files.delete(idOf(record, version))
      await this.#write(record, version, rest)
      return true
    })
  }

  async #read(record: Uint8Array, version: number): Promise<SectionKeyEntry[]> {
    const value = await this.#files.get(idOf(record, version))
    return value === undefined ? [] : decode(versionKeysSchema, value)
  }

  async #write(record: Uint8Array, version: number, entries: SectionKeyEntry[]): Promise<void> {
    await this.#files.put(idOf(record, version), encode(versionKeysSchema, entries.sort((a, b) => a.section - b.section)))
  }

  /** One read-change-write of a version at a time, so that two additions cannot lose one another. */
  async #exclusive<T>(record: Uint8Array, version: number, task: () => Promise<T>): Promise<T> {
    return this.#locks.run(toHex(idOf(record, version)), task)
  }
}

function idOf(record: Uint8Array, version: number): Uint8Array { return concatBytes(record, u32Bytes(version)) }

function equalKeys(a: SectionKey, b: SectionKey): boolean {
  return equalBytes(a.key, b.key) && equalBytes(a.salt, b.salt) && equalBytes(a.plaintextDigest, b.plaintextDigest)
}

function problem(code: VaultErrorCode, message: string, record: Uint8Array, version: number, section: number): SteleError {
  return new SteleError({ code, message, details: { record: toHex(record), version, section } })
}
