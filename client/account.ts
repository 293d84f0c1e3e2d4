import { genesisAccountId } from '../primitives/genesis.ts'
import { createSigner, type Signer } from '../primitives/signature.ts'
import { sealPublicKey, type SealKeyPair } from '../privacy/seal.ts'

/** Who signs: an account of the ledger with its signing key and, where it receives sealed things, its X25519 key pair. */
export interface Account {
  /** 32 bytes; the id of the transaction that enrolled it, or the genesis id of an institution. */
  readonly id: Uint8Array
  readonly signer: Signer
  readonly sealKeys?: SealKeyPair
}

/** The keys of an account that has no id yet: what an institution needs to enrol it. */
export interface AccountKeys {
  readonly signer: Signer
  readonly sealKeys: SealKeyPair
}

/** Keys from two 32-byte secrets. */
export function keysFromSeeds(signSeed: Uint8Array, sealSecret: Uint8Array): AccountKeys {
  return { signer: createSigner(signSeed), sealKeys: { secretKey: sealSecret, publicKey: sealPublicKey(sealSecret) } }
}

/** The account of a member institution, which exists from genesis and signs with the operator key. */
export function institutionAccount(chain: Uint8Array, member: number, operatorSeed: Uint8Array, sealSecret?: Uint8Array): Account {
  const signer = createSigner(operatorSeed)
  const id = genesisAccountId(chain, member)
  return sealSecret === undefined ? { id, signer } : { id, signer, sealKeys: { secretKey: sealSecret, publicKey: sealPublicKey(sealSecret) } }
}
