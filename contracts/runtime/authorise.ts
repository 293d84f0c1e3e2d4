import { equalBytes } from '../../primitives/bytes.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { accounts, isActiveSignKey } from '../identity/accounts.ts'
import type { Account } from '../identity/accounts.ts'
import { readActivations } from '../membership/members.ts'
import type { AuthorisationCode } from './codes.ts'
import type { Registry } from './registry.ts'
import type { ReplayView } from './replay-window.ts'
import type { Reader } from './table.ts'

/** The block a transaction would stand in. `lifetimeMsMax` comes from the chain parameters. */
export interface AuthorisationBlock {
  readonly height: bigint
  readonly timeMs: bigint
  readonly chainId: Uint8Array
  readonly lifetimeMsMax: number
}

export interface AuthorisationSources { readonly reader: Reader; readonly window: ReplayView; readonly registry: Registry }

export type Authorisation = { readonly account: Account } | { readonly notIncludable: AuthorisationCode }

/**
 * Whether `transaction` may stand in `block`: chain, times, replay, account, keys. At the door a node asks with the next height and
 * max(parent time, its clock); in execution with the block's own. Says nothing about the signatures themselves: whoever calls has
 * verified `signatureItems(transaction)`, because that verdict is pure mathematics and is found once, in batches, off this path.
 */
export function authorise(sources: AuthorisationSources, block: AuthorisationBlock, transaction: Transaction): Authorisation {
  const { body, id } = transaction
  if (!equalBytes(body.chain, block.chainId)) return { notIncludable: 'TX_WRONG_CHAIN' }
  if (body.validUntil < block.timeMs) return { notIncludable: 'TX_EXPIRED' }
  if (body.validUntil > block.timeMs + BigInt(block.lifetimeMsMax)) return { notIncludable: 'TX_VALID_TOO_FAR' }
  if (sources.window.hasId(id, body.validUntil)) return { notIncludable: 'TX_REPLAYED' }
  if (sources.window.isFull(block.timeMs)) return { notIncludable: 'TX_WINDOW_FULL' }
  const account = sources.reader.get(accounts, body.account)
  if (account === undefined) return { notIncludable: 'ACCOUNT_UNKNOWN' }
  const { signers } = body
  const [signer] = signers
  if (signers.length !== 1 || signer === undefined || !isActiveSignKey(account, signer, block.height)) return { notIncludable: 'SIGNER_NOT_ACTIVE' }
  // Suspension must not shut the way out: a patient can always withdraw a consent.
  if (account.suspended && sources.registry.under(readActivations(sources.reader)).call(body.contract, body.call, block.height)?.openWhileSuspended !== true) return { notIncludable: 'ACCOUNT_SUSPENDED' }
  return { account }
}
