import { SteleError } from '../primitives/error.ts'

/** Argon2id (RFC 9106): memory in KiB, passes over it, lanes. */
export interface KdfParameters { readonly memoryKiB: number; readonly passes: number; readonly parallelism: number }

/** Readable part of a keystore: names to texts, such as a public key in hex. */
export type PublicData = Readonly<Record<string, string>>

/** A keystore file, version 1. All byte strings are lower-case hex. */
export interface KeystoreFile {
  readonly format: 'stele-keystore'
  readonly version: 1
  readonly kind: string
  readonly public: PublicData
  readonly kdf: KdfParameters & { readonly name: 'argon2id'; readonly salt: string }
  readonly cipher: { readonly name: 'aes-256-gcm'; readonly nonce: string }
  readonly check: string
  readonly ciphertext: string
}

/** The most a file may ask of us before its passphrase is checked: 1 GiB, 16 passes. RFC 9106 demands 8 KiB per lane at least. */
const KDF_MAX = { memoryKiB: 1024 * 1024, passes: 16, parallelism: 8 } as const

type Members = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)
const is = (expected: string | number): Check => (value) => value === expected
const hex = (bytes: number): Check => (value) => typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value)
const integer = (min: number, max: number): Check => (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
const word: Check = (value) => typeof value === 'string' && /^[a-z][a-z0-9-]{0,63}$/.test(value)
const longHex: Check = (value) => typeof value === 'string' && value.length % 2 === 0 && value.length >= 32 && /^[0-9a-f]*$/.test(value)
const texts: Check = (value) => isMembers(value) && Object.values(value).every((item) => typeof item === 'string')
const anything: Check = isMembers

const TOP: Readonly<Record<string, Check>> = { format: is('stele-keystore'), version: is(1), kind: word, public: texts, kdf: anything, cipher: anything, check: hex(16), ciphertext: longHex }
const KDF: Readonly<Record<string, Check>> = { name: is('argon2id'), memoryKiB: integer(8, KDF_MAX.memoryKiB), passes: integer(1, KDF_MAX.passes), parallelism: integer(1, KDF_MAX.parallelism), salt: hex(16) }
const CIPHER: Readonly<Record<string, Check>> = { name: is('aes-256-gcm'), nonce: hex(12) }

/** Reads the text of a keystore; `KEYSTORE_MALFORMED` names the field. Members it does not know are refused: they would not be bound. */
export function parseKeystore(text: string): KeystoreFile {
  const value = parseJson(text)
  requireMembers('', value, TOP)
  requireMembers('kdf.', value['kdf'], KDF)
  requireMembers('cipher.', value['cipher'], CIPHER)
  const file = value as unknown as KeystoreFile
  if (file.kdf.memoryKiB < 8 * file.kdf.parallelism) throw malformed('kdf.memoryKiB')
  return file
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw malformed('(root)', cause)
  }
}

function requireMembers(prefix: string, value: unknown, checks: Readonly<Record<string, Check>>): asserts value is Members {
  if (!isMembers(value)) throw malformed(prefix === '' ? '(root)' : prefix.slice(0, -1))
  for (const name of Object.keys(value)) if (!Object.hasOwn(checks, name)) throw malformed(prefix + name.slice(0, 64))
  for (const [name, check] of Object.entries(checks)) if (!check(value[name])) throw malformed(prefix + name)
}

function malformed(field: string, cause?: unknown): SteleError {
  return new SteleError({ code: 'KEYSTORE_MALFORMED', message: 'this is not a keystore of version 1', details: { field }, cause })
}
