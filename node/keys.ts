import { randomBytes } from 'node:crypto'
import { fromHex, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { createSigner } from '../primitives/signature.ts'
import { sealPublicKey } from '../privacy/seal.ts'
import { openKeystoreFile, sealJson, writeKeystore } from './keystore.ts'
import type { KdfParameters } from './keystore-format.ts'

/** Secrets of one kind of key file, as 32-byte seeds. The governance key stays offline; the operator key signs the institution's transactions. */
export interface GovernanceKeys { readonly governance: Uint8Array }
export interface OperatorKeys { readonly sign: Uint8Array; readonly seal: Uint8Array }
export interface NodeKeys { readonly transport: Uint8Array; readonly attestation: Uint8Array }

export const newSeed = (): Uint8Array => new Uint8Array(randomBytes(32))
export const signPublicKey = (seed: Uint8Array): Uint8Array => createSigner(seed).publicKey

const KINDS = { governance: ['governance'], operator: ['sign', 'seal'], node: ['transport', 'attestation'] } as const
type Kind = keyof typeof KINDS
interface Secrets { governance: GovernanceKeys; operator: OperatorKeys; node: NodeKeys }

/** Writes one key file, encrypted, mode 0600; the public keys stand in it readable. `KEYSTORE_EXISTS` rather than overwriting. */
export async function writeKeys<K extends Kind>(path: string, kind: K, secrets: Secrets[K], passphrase: string, cost?: KdfParameters): Promise<void> {
  const seeds = secrets as unknown as Record<string, Uint8Array>
  const publicData = Object.fromEntries(KINDS[kind].map((name) => [name, toHex(name === 'seal' ? sealPublicKey(seeds[name]!) : signPublicKey(seeds[name]!))]))
  const secret = Object.fromEntries(KINDS[kind].map((name) => [name, toHex(seeds[name]!)]))
  await writeKeystore(path, await sealJson(`stele-${kind}`, publicData, secret, passphrase, cost))
}

/** Opens a key file of one kind. Throws KEYSTORE_*. */
export async function readKeys<K extends Kind>(path: string, kind: K, passphrase: string): Promise<Secrets[K]> {
  const { secret } = await openKeystoreFile(path, `stele-${kind}`, passphrase)
  const named = (typeof secret === 'object' && secret !== null ? secret : {}) as Record<string, unknown>
  const seeds = KINDS[kind].map((name) => {
    const hex = named[name]
    if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/.test(hex)) throw new SteleError({ code: 'KEYSTORE_MALFORMED', message: 'the key file does not hold the keys of its kind', details: { path, kind, key: name } })
    return [name, fromHex(hex)] as const
  })
  return Object.fromEntries(seeds) as unknown as Secrets[K]
}
