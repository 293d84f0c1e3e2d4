import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { concatBytes, equalBytes, toHex } from '../primitives/bytes.ts'
import { bytes, decode, encode, struct } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { diskError, isMissing, namesIn, replaceFile, syncDirectory, withFile, writeFully } from './disk.ts'
import { KeyedLock } from './keyed-lock.ts'

/** Bytes of one value at most. */
export const ENCRYPTED_VALUE_BYTES_MAX = 256 * 1024
const SALT_BYTES = 32
const TAG_BYTES = 16

const contentSchema = struct({ id: bytes({ max: 256 }), value: bytes({ max: ENCRYPTED_VALUE_BYTES_MAX }) })

/**
 * Small secrets on disk, one encrypted file each: what is kept under which id is hidden, each can be destroyed alone, and a kill at any moment
 * leaves every file old or new, whole. File = random salt ‖ AES-256-GCM under HKDF(master key, salt); name = HMAC(master key, id), also the
 * associated data, so files cannot be swapped. Destroying overwrites before it unlinks; on flash memory or copy-on-write file systems only the
 * loss of the master key is certain.
 */
export class EncryptedFiles {
  readonly #directory: string
  readonly #masterKey: Uint8Array
  readonly #locks = new KeyedLock()
  #temporary = 0

  /** `masterKey` is 32 bytes, from the keystore. One process at a time opens `directory`. */
  constructor(options: { readonly directory: string }, masterKey: Uint8Array) {
    if (masterKey.length !== 32) throw new SteleError({ code: 'KEY_STORE_WRONG_KEY', message: 'a master key has 32 bytes', details: { length: masterKey.length } })
    this.#directory = options.directory
    this.#masterKey = masterKey
  }

  /** Opens or makes the folder. `KEY_STORE_WRONG_KEY` when it was made under another master key. Finishes destructions a crash interrupted. */
  async start(): Promise<void> {
    await this.#disk('open the key store', async () => {
      await rm(join(this.#directory, 'temporary'), { recursive: true, force: true })
      await mkdir(join(this.#directory, 'temporary'), { recursive: true, mode: 0o700 })
      await mkdir(join(this.#directory, 'shred'), { recursive: true, mode: 0o700 })
      await mkdir(join(this.#directory, 'files'), { recursive: true, mode: 0o700 })
      for (const name of await namesIn(join(this.#directory, 'shred'))) await shred(join(this.#directory, 'shred', name))
      const check = this.#mac('check', new Uint8Array(0))
      const path = join(this.#directory, 'check')
      const found = await readFile(path).catch((error: unknown) => { if (isMissing(error)) return undefined; throw error })
      if (found === undefined) await replaceFile(path, this.#temporaryPath(), check)
      else if (!equalBytes(found, check)) throw new SteleError({ code: 'KEY_STORE_WRONG_KEY', message: 'the key store was made under another master key', details: { directory: this.#directory } })
    })
  }

  /** On disk when this returns. An older value under the id is destroyed. */
  async put(id: Uint8Array, value: Uint8Array): Promise<void> {
    const path = this.#pathOf(id)
    await this.#exclusive(path, 'write a key', async () => {
      const folder = join(path, '..')
      if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncDirectory(join(folder, '..'))
      const old = await open(path, 'r+').catch((error: unknown) => { if (isMissing(error)) return undefined; throw error })
      try {
        await replaceFile(path, this.#temporaryPath(), this.#encrypt(id, value))
        if (old !== undefined) await overwrite(old)
      } finally {
        await old?.close()
      }
    })
  }

  /** Undefined when there is none. `KEY_STORE_DAMAGED` when it does not open. */
  async get(id: Uint8Array): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(id)
    return this.#exclusive(path, 'read a key', async () => (await this.#readFile(path))?.value)
  }

  /** Destroys the value; false when there was none. On disk when this returns. */
  async delete(id: Uint8Array): Promise<boolean> {
    const path = this.#pathOf(id)
    return this.#exclusive(path, 'destroy a key', async () => {
      const doomed = join(this.#directory, 'shred', `${nameOf(path)}-${++this.#temporary}`)
      try {
        await rename(path, doomed)
      } catch (error) {
        if (isMissing(error)) return false
        throw error
      }
      await syncDirectory(join(path, '..'))
      await shred(doomed)
      await syncDirectory(join(this.#directory, 'shred'))
      return true
    })
  }

  /** All values, in no telling order; reads and opens every file. */
  async *entries(): AsyncGenerator<{ readonly id: Uint8Array; readonly value: Uint8Array }> {
    const root = join(this.#directory, 'files')
    for (const bucket of await this.#disk('list keys', () => namesIn(root))) {
      for (const name of await this.#disk('list keys', () => namesIn(join(root, bucket)))) {
        const path = join(root, bucket, name)
        const found = await this.#exclusive(path, 'read a key', () => this.#readFile(path))
        if (found !== undefined) yield found
      }
    }
  }

  #mac(purpose: 'check' | 'name', id: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac('sha256', this.#masterKey).update(`stele/key-store/${purpose}/v1\0`).update(id).digest())
  }

  #pathOf(id: Uint8Array): string {
    const name = toHex(this.#mac('name', id))
    return join(this.#directory, 'files', name.slice(0, 2), name)
  }

  #temporaryPath(): string { return join(this.#directory, 'temporary', String(++this.#temporary)) }

  #keyOf(salt: Uint8Array): Uint8Array { return new Uint8Array(hkdfSync('sha256', this.#masterKey, salt, 'stele/key-store/file/v1', 32)) }

  #encrypt(id: Uint8Array, value: Uint8Array): Uint8Array {
    const salt = new Uint8Array(randomBytes(SALT_BYTES))
    // The nonce may be fixed: every file has its own key.
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(salt), new Uint8Array(12))
    cipher.setAAD(this.#mac('name', id))
    return concatBytes(salt, cipher.update(encode(contentSchema, { id, value })), cipher.final(), cipher.getAuthTag())
  }

  async #readFile(path: string): Promise<{ readonly id: Uint8Array; readonly value: Uint8Array } | undefined> {
    const raw = await readFile(path).catch((error: unknown) => { if (isMissing(error)) return undefined; throw error })
    if (raw === undefined) return undefined
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(raw.subarray(0, SALT_BYTES)), new Uint8Array(12), { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(nameOf(path), 'hex'))
      decipher.setAuthTag(raw.subarray(Math.max(SALT_BYTES, raw.length - TAG_BYTES)))
      return decode(contentSchema, concatBytes(decipher.update(raw.subarray(SALT_BYTES, -TAG_BYTES)), decipher.final()))
    } catch (cause) {
      throw new SteleError({ code: 'KEY_STORE_DAMAGED', message: 'a stored key does not open', details: { file: nameOf(path), reason: errorCode(cause) }, cause })
    }
  }

  async #exclusive<T>(path: string, operation: string, task: () => Promise<T>): Promise<T> {
    return this.#locks.run(path, () => this.#disk(operation, task))
  }

  async #disk<T>(operation: string, task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } catch (error) {
      throw diskError(error, operation)
    }
  }
}

function nameOf(path: string): string { return path.slice(path.lastIndexOf('/') + 1) }

async function overwrite(file: Awaited<ReturnType<typeof open>>): Promise<void> {
  const { size } = await file.stat()
  await writeFully(file, 0, new Uint8Array(randomBytes(size)))
  await file.datasync()
}

async function shred(path: string): Promise<void> {
  await withFile(path, 'r+', overwrite)
  await rm(path)
}
