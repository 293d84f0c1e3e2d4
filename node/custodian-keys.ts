import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes, maybeFromHex, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { EncryptedFiles } from '../vault/encrypted-files.ts'
import { KeyStore } from '../vault/key-store.ts'
import { newSeed } from './keys.ts'
import { openKeystoreFile, sealJson, writeKeystore } from './keystore.ts'
import type { KdfParameters } from './keystore-format.ts'

const KIND = 'stele-custodian'

/** The 32-byte master key of a custodian's data folder, from its keystore file; made with a fresh one when there is no file. Throws KEYSTORE_*. */
export async function openMasterKey(path: string, passphrase: string, cost?: KdfParameters): Promise<Uint8Array> {
  if (!existsSync(path)) await writeKeystore(path, await sealJson(KIND, {}, { master: toHex(newSeed()) }, passphrase, cost))
  const { secret } = await openKeystoreFile(path, KIND, passphrase)
  const hex = typeof secret === 'object' && secret !== null && 'master' in secret ? secret.master : undefined
  const master = typeof hex === 'string' ? maybeFromHex(hex) : undefined
  if (master?.length !== 32) throw new SteleError({ code: 'KEYSTORE_MALFORMED', message: 'the key file does not hold the keys of its kind', details: { path, kind: 'custodian', key: 'master' } })
  return master
}

/**
 * Everything a custodian keeps secret: section keys of records, tag keys of relations and which card became which account, each in an encrypted file of its own that can be destroyed alone.
 * The one copy: whoever backs this folder up can no longer forget (DESIGN §5.12).
 */
export class CustodianKeys {
  readonly sections: KeyStore
  /** Card → signed enrolment. */
  readonly enrolments: EncryptedFiles
  readonly #relations: EncryptedFiles
  readonly #directory: string

  constructor(options: { readonly directory: string }, masterKey: Uint8Array) {
    this.#directory = options.directory
    this.sections = new KeyStore(new EncryptedFiles({ directory: join(options.directory, 'keys') }, masterKey))
    this.enrolments = new EncryptedFiles({ directory: join(options.directory, 'enrolments') }, masterKey)
    this.#relations = new EncryptedFiles({ directory: join(options.directory, 'relations') }, masterKey)
  }

  /** `KEY_STORE_WRONG_KEY` when the folder was made under another master key. */
  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await this.sections.start()
    await this.#relations.start()
    await this.enrolments.start()
  }

  /** The tag key of a relation, known by the patient's account. Undefined when it was never told or is erased. */
  tagKey(subject: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#relations.get(subject)
  }

  /** On disk when this returns. A relation keeps its tag key for life: another one is refused with `KEY_STORE_CONFLICT`. */
  async putTagKey(subject: Uint8Array, tagKey: Uint8Array): Promise<void> {
    const kept = await this.#relations.get(subject)
    if (kept !== undefined && !equalBytes(kept, tagKey)) throw new SteleError({ code: 'KEY_STORE_CONFLICT', message: 'the relation has another tag key', details: { subject: toHex(subject) } })
    if (kept === undefined) await this.#relations.put(subject, tagKey)
  }
}
