import type { Schema } from '../../primitives/codec.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import type { AccountKind } from '../../primitives/ids.ts'
import type { SignatureItem } from '../../primitives/signature.ts'
import type { Reader, Writer } from './table.ts'

/** The block a call runs in. Block time is the only time there is (u64 ms). */
export interface BlockContext {
  readonly height: bigint
  readonly timeMs: bigint
  readonly chainId: Uint8Array
  readonly parameters: ChainParameters
}

/** The authorised account behind a transaction. `member`: the institution that enrolled it, or that it is. */
export interface Caller {
  readonly account: Uint8Array
  readonly kind: AccountKind
  readonly member: number
}

/** All that a check may touch: its tables, the caller, the block. No clock, no randomness, no I/O. */
export interface CheckContext extends Reader {
  readonly caller: Caller
  readonly block: BlockContext
  readonly transactionId: Uint8Array
  /** Verdict on a signature named by the call's `proofs`. */
  verified(item: SignatureItem): boolean
  /** True while an event of an earlier transaction claims this key (see `Contract.claims`). */
  isClaimed(key: Uint8Array): boolean
}

/** What an apply may do besides: write its tables and announce events, whose data follow the schemas of `primitives/calls`. */
export interface ApplyContext extends CheckContext, Writer {
  emit<T>(name: string, schema: Schema<T>, data: T): void
}

/** Outcome of a check: the values its apply goes on with, or the code the receipt will carry. */
export type Checked<P> = { readonly prepared: P } | { readonly code: string }

export interface Call<A, P> {
  readonly args: Schema<A>
  /** Reads and decides; never writes. */
  check(context: CheckContext, args: A): Checked<P>
  /** Writes; must not fail once its check has passed. */
  apply(context: ApplyContext, args: A, prepared: P): void
  /** Signatures inside the arguments, so that a node can verify them in batches before execution. */
  proofs?(reader: Reader, block: Pick<BlockContext, 'chainId'>, args: A): readonly SignatureItem[]
  /** Cost that depends on the arguments alone. Set where what was read must not show in the receipt; replaces metering. */
  fixedCost?(args: A): number
  /** The call stays open to a suspended account. */
  readonly openWhileSuspended?: boolean
}

/** A key that an event reserves until a block time (exclusive, ms). */
export interface Claim { readonly key: Uint8Array; readonly untilMs: bigint }

export interface Contract {
  readonly name: string
  readonly version: number
  /** Every code its calls can put into a receipt, with meaning and remedy. */
  readonly codes: Readonly<Record<string, string>>
  readonly calls: Readonly<Record<string, Call<unknown, unknown>>>
  /** Keys that an event of this contract reserves; pure, so that a restarted node rebuilds them from recent receipts. */
  claims?(event: string, data: Uint8Array): readonly Claim[]
}

export function defineContract(contract: Contract): Contract {
  return contract
}

/** Keeps the types of one call together; the registry handles all calls alike. */
export function call<A, P>(definition: Call<A, P>): Call<unknown, unknown> {
  return definition as Call<unknown, unknown>
}

/** A typed refusal for one contract's code table. */
export function refuserOf<C extends Readonly<Record<string, string>>>(_codes: C): (code: keyof C & string) => { readonly code: string } {
  return (code) => ({ code })
}

export function pass<P>(prepared: P): Checked<P> {
  return { prepared }
}
