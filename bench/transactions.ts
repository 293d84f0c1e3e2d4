import { readFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { encode } from '../primitives/codec.ts'
import { identityCalls } from '../primitives/calls/identity.ts'
import { chainIdOf, genesisAccountId } from '../primitives/genesis.ts'
import { createSigner, ed25519KeyId } from '../primitives/signature.ts'
import { createTransaction } from '../primitives/transaction.ts'
import { readGenesis } from '../node/genesis-file.ts'
import { readKeys } from '../node/keys.ts'

/** Pre-signed enrolments of fresh service accounts by every member of a development network in turn: one write each, about 330 bytes. */
export async function enrolments(directory: string, count: number): Promise<Uint8Array[]> {
  const genesis = readGenesis(`${directory}/genesis.json`)
  const chain = chainIdOf(genesis)
  const signers = await Promise.all(genesis.members.map(async ({ name }) => createSigner((await readKeys(`${directory}/${name}/operator.json`, 'operator', readFileSync(`${directory}/${name}/passphrase`, 'utf8').trim())).sign)))
  const validUntil = BigInt(Date.now() + 9 * 60_000)
  return Array.from({ length: count }, (_, i) => {
    const member = i % signers.length
    const args = encode(identityCalls.enroll, { kind: 'service', signKey: ed25519KeyId(new Uint8Array(randomBytes(32))), sealKey: new Uint8Array(randomBytes(32)) })
    return createTransaction({ chain, account: genesisAccountId(chain, member + 1), contract: 'identity', call: 'enroll', args, validUntil, salt: new Uint8Array(randomBytes(16)) }, signers[member]!).bytes
  })
}
