import { readFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { institutionAccount } from '../client/account.ts'
import type { Account } from '../client/account.ts'
import { identityCalls } from '../primitives/calls/identity.ts'
import { encode } from '../primitives/codec.ts'
import { chainIdOf } from '../primitives/genesis.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { ed25519KeyId } from '../primitives/signature.ts'
import { createTransaction } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { readGenesis } from '../node/genesis-file.ts'
import { readKeys } from '../node/keys.ts'

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

/** Signed now, sent within the ten minutes that the ledger allows. */
export const validUntil = (): bigint => BigInt(Date.now() + 9 * 60_000)

/** The chain of a development network and its institutions, which sign with the keys that lie beside it. */
export interface Institutions { readonly genesis: Genesis; readonly chain: Uint8Array; readonly accounts: readonly Account[] }

export async function openInstitutions(directory: string): Promise<Institutions> {
  const genesis = readGenesis(join(directory, 'genesis.json'))
  const chain = chainIdOf(genesis)
  const accounts = await Promise.all(genesis.members.map(async ({ name, member }) => {
    const passphrase = readFileSync(join(directory, name, 'passphrase'), 'utf8').trim()
    const { sign, seal } = await readKeys(join(directory, name, 'operator.json'), 'operator', passphrase)
    return institutionAccount(chain, member, sign, seal)
  }))
  return { genesis, chain, accounts }
}

/** Signed enrolments of fresh service accounts by every institution in turn: about 330 bytes each, and every one changes the state. */
export function enrolments({ chain, accounts }: Institutions, count: number): Transaction[] {
  const until = validUntil()
  return Array.from({ length: count }, (_, i) => {
    const { id, signer } = accounts[i % accounts.length]!
    const args = encode(identityCalls.enroll, { kind: 'service', signKey: ed25519KeyId(random(32)), sealKey: random(32) })
    return createTransaction({ chain, account: id, contract: 'identity', call: 'enroll', args, validUntil: until, salt: random(16) }, signer)
  })
}
