import { CALLS } from '../../primitives/calls/index.ts'
import type { CallArgs, CallName, ContractName } from '../../primitives/calls/index.ts'
import { encode } from '../../primitives/codec.ts'
import type { Schema } from '../../primitives/codec.ts'
import { genesisAccountId } from '../../primitives/genesis.ts'
import { createSigner, ed25519KeyId } from '../../primitives/signature.ts'
import type { Signer } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import type { Transaction, TransactionBody } from '../../primitives/transaction.ts'
import { systemRandom } from '../../node/system.ts'

/** Whoever signs: an account of the chain under test and its key. */
export interface Party { readonly account: Uint8Array; readonly signer: Signer }

/** A member institution of a chain under test, by its operator key. */
export function institution(chain: Uint8Array, member: number, signer: Signer): Party {
  return { account: genesisAccountId(chain, member), signer }
}

/** A signed call, valid for five minutes of this machine's clock; `changes` overwrite parts of the body before it is signed. */
export function callOf<C extends ContractName, N extends CallName<C>>(chain: Uint8Array, party: Party, contract: C, call: N, args: CallArgs<C, N>, changes: Partial<Omit<TransactionBody, 'v'>> = {}): Transaction {
  const schema = CALLS[contract][call] as unknown as Schema<CallArgs<C, N>>
  return createTransaction({ chain, account: party.account, contract, call, args: encode(schema, args), validUntil: BigInt(Date.now() + 300_000), salt: systemRandom.bytes(16), ...changes }, party.signer)
}

/** An enrolment by `by` and the account that it makes. */
export function enrolmentOf(chain: Uint8Array, by: Party, kind: CallArgs<'identity', 'enroll'>['kind'] = 'service', changes: Partial<Omit<TransactionBody, 'v'>> = {}): { readonly transaction: Transaction; readonly party: Party } {
  const signer = createSigner(systemRandom.bytes(32))
  const transaction = callOf(chain, by, 'identity', 'enroll', { kind, signKey: ed25519KeyId(signer.publicKey), sealKey: systemRandom.bytes(32) }, changes)
  return { transaction, party: { account: transaction.id, signer } }
}
