import type { Action } from '../../primitives/calls/labels.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import { bestBasis } from '../consent/basis.ts'
import type { Basis } from '../consent/basis.ts'
import type { SectionLabels } from '../consent/coverage.ts'
import { policyAllows } from './policy.ts'
import type { CertifiedFacts } from './policy.ts'

/** Everything a decision rests on; read from state beforehand, so that this file is mathematics. */
export interface DecisionFacts {
  readonly timeMs: bigint
  readonly action: Action
  readonly purpose: Purpose
  /** Numbers asked for, strictly ascending, and their labels; undefined when the subject's record, version or any section does not exist. */
  readonly numbers: readonly number[]
  readonly sections: readonly SectionLabels[] | undefined
  readonly subject: { readonly account: Uint8Array, readonly suspended: boolean } | undefined
  readonly requester: CertifiedFacts & { readonly suspended: boolean, readonly isSubject: boolean }
  readonly consents: readonly Basis[]
  /** Another live permit already uses the reader key. */
  readonly readerKeyInUse: boolean
  readonly policy: ChainParameters['policy']
  readonly permitMsMax: number
}

/** Why a request was denied. For explanation and for `recheck` only: no receipt, event or answer to the requester ever carries it. */
export const DENY_REASONS = {
  REQUESTER_SUSPENDED: 'the requester is suspended',
  SUBJECT_SUSPENDED: 'the subject is suspended, so its consents do not count meanwhile',
  READER_KEY_IN_USE: 'the reader key already stands in a permit that has not ended',
  ACTION_OPENS_NOTHING: 'write and append are exercised by registering, and query opens section 0 alone',
  NOT_FOUND: 'the subject, its record, the version or a section does not exist',
  POLICY: 'the consortium\'s policy does not allow this purpose to what is certified about the requester',
  CONSENT: 'no consent in force covers everything that was asked',
} as const
export type DenyReason = keyof typeof DENY_REASONS

export type Decision =
  | { readonly decision: 'permit', readonly basis: Uint8Array, readonly untilMs: bigint }
  | { readonly decision: 'deny', readonly reason: DenyReason }

const deny = (reason: DenyReason): Decision => ({ decision: 'deny', reason })

/** Whether the verb opens these sections at all: `query` opens the descriptor and nothing else; `write` and `append` open nothing. */
function opens(action: Action, numbers: readonly number[]): boolean {
  if (action === 'write' || action === 'append') return false
  return action !== 'query' || (numbers.length === 1 && numbers[0] === 0)
}

/**
 * Decision = consent ∧ policy, default deny; any ground for denial outweighs every permit. The subject itself may open what is its own
 * with no consent. A permit ends at min(end of its basis, block time + `permitMsMax`), exclusive.
 */
export function decide(facts: DecisionFacts): Decision {
  const { timeMs, action, purpose, requester, subject, sections } = facts
  if (requester.suspended) return deny('REQUESTER_SUSPENDED')
  if (subject?.suspended === true) return deny('SUBJECT_SUSPENDED')
  if (facts.readerKeyInUse) return deny('READER_KEY_IN_USE')
  if (!opens(action, facts.numbers)) return deny('ACTION_OPENS_NOTHING')
  if (subject === undefined || sections === undefined) return deny('NOT_FOUND')
  const longest = timeMs + BigInt(facts.permitMsMax)
  if (requester.isSubject) return { decision: 'permit', basis: subject.account, untilMs: longest }
  if (!policyAllows(facts.policy, purpose, requester)) return deny('POLICY')
  const basis = bestBasis(facts.consents, { timeMs, action, purpose }, sections)
  if (basis === undefined) return deny('CONSENT')
  return { decision: 'permit', basis: basis.id, untilMs: basis.terms.until < longest ? basis.terms.until : longest }
}
