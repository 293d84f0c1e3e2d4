import { equalBytes } from './bytes.ts'
import { array, encode, fixedBytes, struct, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { SteleError } from './error.ts'
import { domainBytes } from './hash.ts'
import { certificateQuorum, MEMBER_SET_VOTERS_MAX, memberSetFault, memberSetSchema } from './member-set.ts'
import type { MemberSet } from './member-set.ts'
import { verify } from './signature.ts'

/**
 * What members sign when a majority of the voters is lost (DESIGN §5.11): the chain goes on from block `block` at `height` with the voters of `set`, whose
 * epoch is one above the epoch before. `lostTo`: the highest height that anyone is known to have committed and that is given up; `height` when none is.
 */
export const recoveryStatement = struct({ v: u32, chain: fixedBytes(32), height: u64, block: fixedBytes(32), lostTo: u64, set: memberSetSchema })
export type RecoveryStatement = Infer<typeof recoveryStatement>

/** A statement with the governance signatures gathered so far, ascending by member. */
export const signedRecovery = struct({ statement: recoveryStatement, signatures: array(struct({ member: u32, signature: fixedBytes(64) }), { max: MEMBER_SET_VOTERS_MAX }) })
export type SignedRecovery = Infer<typeof signedRecovery>

export function recoveryBytes(chain: Uint8Array, statement: RecoveryStatement): Uint8Array {
  return domainBytes('recovery', chain, encode(recoveryStatement, statement))
}

function refuse(code: 'RECOVERY_INVALID' | 'RECOVERY_TOO_FEW' | 'RECOVERY_SIGNATURE_INVALID', rule: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw new SteleError({ code, message: 'the recovery statement is not valid', details: { rule, ...details } })
}

/** Checks what a statement says against the set of the epoch before it. Throws `RECOVERY_INVALID`. */
export function checkRecoveryStatement(chain: Uint8Array, before: MemberSet, statement: RecoveryStatement): void {
  const { set } = statement
  if (statement.v !== 1) refuse('RECOVERY_INVALID', 'the version is 1', { version: statement.v })
  if (!equalBytes(statement.chain, chain)) refuse('RECOVERY_INVALID', 'the statement names this chain')
  if (set.epoch !== before.epoch + 1) refuse('RECOVERY_INVALID', 'the epoch is the next one', { epoch: set.epoch, before: before.epoch })
  if (statement.lostTo < statement.height) refuse('RECOVERY_INVALID', 'what is lost lies above what is kept')
  const fault = memberSetFault(set)
  if (fault !== undefined) refuse('RECOVERY_INVALID', fault)
  // A recovery drops voters; who joins does so by votes afterwards.
  const unchanged = set.voters.every((voter) => before.voters.some((old) => old.node === voter.node && old.member === voter.member && equalBytes(old.attestationKey, voter.attestationKey) && equalBytes(old.governanceKey, voter.governanceKey)))
  if (!unchanged) refuse('RECOVERY_INVALID', 'the new voters are voters of the epoch before, unchanged')
}

/**
 * Checks a signed statement against the voters before it: the quorum of certificates (⌈(n + f + 1) / 2⌉), one governance signature per member, ascending, every one valid.
 * Throws `RECOVERY_INVALID`, `RECOVERY_TOO_FEW` or `RECOVERY_SIGNATURE_INVALID`.
 */
export function verifyRecovery(chain: Uint8Array, before: MemberSet, { statement, signatures }: SignedRecovery): void {
  checkRecoveryStatement(chain, before, statement)
  const message = recoveryBytes(chain, statement)
  signatures.forEach(({ member, signature }, i) => {
    const voter = before.voters.find((each) => each.member === member)
    if (voter === undefined || (i > 0 && signatures[i - 1]!.member >= member)) return refuse('RECOVERY_SIGNATURE_INVALID', 'signers are voting members, distinct and ascending', { member })
    if (!verify(voter.governanceKey, message, signature)) refuse('RECOVERY_SIGNATURE_INVALID', 'every signature is the member\'s governance key\'s', { member })
  })
  const needed = certificateQuorum(before.voters.length)
  if (signatures.length < needed) refuse('RECOVERY_TOO_FEW', 'a quorum of the members signs', { signatures: signatures.length, needed })
}
