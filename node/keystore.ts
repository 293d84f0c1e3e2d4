import { argon2, createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { concatBytes, maybeFromHex, toHex, utf8Bytes } from '../primitives/bytes.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { KeystoreErrorCode } from './keystore-errors.ts'
import { parseKeystore } from './keystore-format.ts'
import type { KeystoreFile, KdfParameters, PublicData } from './keystore-format.ts'

const argon2Async = promisify(argon2)
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const FILE_BYTES_MAX = 1024 * 1024

/** Cost of one guess (RFC 9106): 64 MiB, three passes, a quarter of a second. */
export const KEYSTORE_COST: KdfParameters = { memoryKiB: 64 * 1024, passes: 3, parallelism: 1 }
/** For tests and throw-away development networks only: one guess takes a millisecond. */
export const KEYSTORE_TEST_COST: KdfParameters = { memoryKiB: 64, passes: 1, parallelism: 1 }

const fail = (code: KeystoreErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): SteleError => new SteleError({ code, message, details, cause })

/**
 * Keystore text, version 1: `secret` (JSON-ready) encrypted with AES-256-GCM under argon2id(passphrase); everything else in the file, `publicData`
 * among it, is readable and bound as associated data. Draws fresh salt and nonce.
 */
export async function sealJson(kind: string, publicData: PublicData, secret: unknown, passphrase: string, cost: KdfParameters = KEYSTORE_COST): Promise<string> {
  const kdf = { name: 'argon2id', ...cost, salt: randomBytes(SALT_BYTES).toString('hex') } as const
  const { key, check } = await deriveKey(passphrase, kdf)
  const head = { format: 'stele-keystore', version: 1, kind, public: publicData, kdf, cipher: { name: 'aes-256-gcm', nonce: randomBytes(NONCE_BYTES).toString('hex') }, check: toHex(check) } as const
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.from(head.cipher.nonce, 'hex'))
  cipher.setAAD(associatedData(head))
  const ciphertext = concatBytes(cipher.update(utf8Bytes(JSON.stringify(secret))), cipher.final(), cipher.getAuthTag())
  return `${JSON.stringify({ ...head, ciphertext: toHex(ciphertext) }, null, 2)}\n`
}

/** What a keystore holds. `secret` is checked by whoever knows its kind. */
export interface OpenedKeystore { readonly kind: string; readonly publicData: PublicData; readonly secret: unknown }

/** Inverse of `sealJson`. Throws `KEYSTORE_MALFORMED`, `KEYSTORE_WRONG_PASSPHRASE`, `KEYSTORE_DAMAGED` (right passphrase, altered file). */
export async function openJson(text: string, passphrase: string): Promise<OpenedKeystore> {
  const { ciphertext, ...head } = parseKeystore(text)
  const { key, check } = await deriveKey(passphrase, head.kdf)
  if (!timingSafeEqual(check, Buffer.from(head.check, 'hex'))) throw fail('KEYSTORE_WRONG_PASSPHRASE', 'the passphrase does not open the keystore')
  const bytes = maybeFromHex(ciphertext) ?? new Uint8Array(0)
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(head.cipher.nonce, 'hex'), { authTagLength: TAG_BYTES })
    decipher.setAAD(associatedData(head))
    decipher.setAuthTag(bytes.subarray(Math.max(0, bytes.length - TAG_BYTES)))
    const plaintext = concatBytes(decipher.update(bytes.subarray(0, Math.max(0, bytes.length - TAG_BYTES))), decipher.final())
    return { kind: head.kind, publicData: head.public, secret: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plaintext)) as unknown }
  } catch (cause) {
    throw fail('KEYSTORE_DAMAGED', 'the keystore was altered or damaged', {}, cause)
  }
}

/** Writes a new keystore file, mode 0600, all or nothing. `KEYSTORE_EXISTS` rather than overwriting; `replace` is for changing a passphrase. */
export async function writeKeystore(path: string, text: string, options: { readonly replace?: boolean } = {}): Promise<void> {
  parseKeystore(text)
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}`)
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    // A hard link fails when the name is taken, which a rename would not.
    if (options.replace === true) await rename(temporary, path)
    else await link(temporary, path)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw fail('KEYSTORE_EXISTS', 'a keystore file is there already', { path }, error)
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Text of a keystore file. `KEYSTORE_NOT_FOUND`; `KEYSTORE_MODE` when group or others have any right to it. */
export async function readKeystore(path: string): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') throw fail('KEYSTORE_NOT_FOUND', 'there is no keystore file', { path }, error)
    throw error
  })
  try {
    // Asked of the open file, so that nobody can swap it in between.
    const found = await file.stat()
    const { mode, size } = found
    if (!found.isFile()) throw fail('KEYSTORE_MALFORMED', 'a folder or a device is no keystore', { path })
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw fail('KEYSTORE_MODE', 'others may read or write the keystore file', { path, mode: (mode & 0o777).toString(8) })
    if (size > FILE_BYTES_MAX) throw fail('KEYSTORE_MALFORMED', 'the file is too large for a keystore', { path, bytes: size })
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** Reads and opens a keystore file of one kind. `KEYSTORE_KIND` for another kind, besides the codes of `readKeystore` and `openJson`. */
export async function openKeystoreFile(path: string, kind: string, passphrase: string): Promise<OpenedKeystore> {
  const text = await readKeystore(path)
  try {
    const found = parseKeystore(text).kind
    if (found !== kind) throw fail('KEYSTORE_KIND', 'the keystore is of another kind', { kind: found, expected: kind })
    return await openJson(text, passphrase)
  } catch (error) {
    if (error instanceof SteleError) throw new SteleError({ code: error.code, message: error.message, details: { path, ...error.details }, cause: error })
    throw error
  }
}

/** 32 bytes of key and 16 of check: the check tells a wrong passphrase from a damaged file, and tells a guesser nothing the tag would not. */
async function deriveKey(passphrase: string, kdf: KdfParameters & { readonly salt: string }): Promise<{ readonly key: Uint8Array; readonly check: Uint8Array }> {
  const derived = await argon2Async('argon2id', {
    message: passphrase, nonce: Buffer.from(kdf.salt, 'hex'), parallelism: kdf.parallelism, tagLength: 48, memory: kdf.memoryKiB, passes: kdf.passes,
  })
  return { key: derived.subarray(0, 32), check: derived.subarray(32) }
}

/** Everything but the ciphertext, members in one fixed order whatever the file's. */
function associatedData(head: Omit<KeystoreFile, 'ciphertext'>): Uint8Array {
  const { format, version, kind, kdf, cipher, check } = head
  const publicData = Object.entries(head.public).sort(([a], [b]) => (a < b ? -1 : 1))
  return utf8Bytes(JSON.stringify([format, version, kind, publicData, kdf.name, kdf.memoryKiB, kdf.passes, kdf.parallelism, kdf.salt, cipher.name, cipher.nonce, check]))
}
