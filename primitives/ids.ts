import { fixedBytes, oneOf, u32 } from './codec.ts'
import type { Schema } from './codec.ts'

/** Fixed-size names of things. All are hashes or random bytes, never text, so that no call can carry free text (DESIGN §5.12). */
export const chainId: Schema<Uint8Array> = fixedBytes(32)
export const accountId: Schema<Uint8Array> = fixedBytes(32)
export const transactionId: Schema<Uint8Array> = fixedBytes(32)
export const hash32: Schema<Uint8Array> = fixedBytes(32)
export const signature64: Schema<Uint8Array> = fixedBytes(64)
export const keyId: Schema<Uint8Array> = fixedBytes(33)
/** Number of a member institution, from 1, given by the ledger. */
export const memberId: Schema<number> = u32
/** Raft id of a node, from 1, given by the ledger and never reused. */
export const nodeId: Schema<number> = u32

/** Kinds of account. An institution's account exists from genesis; the others are enrolled by an institution. */
export const ACCOUNT_KINDS = ['institution', 'patient', 'clinician', 'researcher', 'device', 'service', 'auditor'] as const
export type AccountKind = (typeof ACCOUNT_KINDS)[number]
export const accountKind: Schema<AccountKind> = oneOf(...ACCOUNT_KINDS)
