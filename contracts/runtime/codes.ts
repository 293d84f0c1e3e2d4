/** Codes of the runtime in receipts: the transaction is in a block and had no effect. */
export const RUNTIME_CODES = {
  OK: 'the call took effect',
  CONTRACT_UNKNOWN: 'no contract of this name is in force at this height; check the name against CALLS',
  CALL_UNKNOWN: 'the contract has no such call; check the name against CALLS',
  ARGS_INVALID: 'the argument bytes are not the canonical encoding of the call\'s schema; rebuild them with the client',
} as const

/** Codes of authorisation: the transaction may not stand in a block. A block holding one is refused as a whole. */
export const AUTHORISATION_CODES = {
  TX_WRONG_CHAIN: 'the transaction names another chain; sign it again for this one',
  TX_EXPIRED: 'block time has passed validUntil; sign a new transaction',
  TX_VALID_TOO_FAR: 'validUntil lies further ahead of block time than the chain allows; wait, or sign with an earlier one',
  TX_REPLAYED: 'this transaction is already in the chain; ask for its receipt',
  TX_WINDOW_FULL: 'the table of recent transactions is full; try again in a minute',
  TX_COST_TOO_HIGH: 'the transaction costs more than a whole block may; split it',
  ACCOUNT_UNKNOWN: 'the account does not exist at this height; wait until its enrolment is committed',
  ACCOUNT_SUSPENDED: 'the account is suspended; its institution can resume it',
  SIGNER_NOT_ACTIVE: 'the signing key is not an active key of the account at this height',
} as const
export type AuthorisationCode = keyof typeof AUTHORISATION_CODES

const PASSING: ReadonlySet<AuthorisationCode> = new Set<AuthorisationCode>(['TX_VALID_TOO_FAR', 'TX_WINDOW_FULL', 'ACCOUNT_UNKNOWN', 'ACCOUNT_SUSPENDED', 'SIGNER_NOT_ACTIVE'])

/** True when a later block may heal the fault while the transaction lives: a proposer keeps such a transaction back instead of dropping it. */
export function isPassing(code: AuthorisationCode): boolean {
  return PASSING.has(code)
}

/** Codes for a whole block that a follower refuses, besides the authorisation codes. */
export const BLOCK_CODES = {
  BLOCK_COST_EXCEEDED: 'the block\'s transactions cost more than the chain allows; the proposer is at fault',
  BLOCK_CHANGE_DUE: 'an accepted change of members must be activated by a block of its own before any other; the proposer is at fault',
  BLOCK_CHANGE_MISSING: 'the block activates a change of members where none stands out; the proposer is at fault',
  BLOCK_TIME_BEFORE_PARENT: 'block time lies before the parent\'s; the proposer is at fault',
} as const
export type BlockCode = keyof typeof BLOCK_CODES | AuthorisationCode
