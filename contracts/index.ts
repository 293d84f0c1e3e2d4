import { access } from './access/contract.ts'
import { anonymization } from './anonymization/contract.ts'
import { consent } from './consent/contract.ts'
import { identity } from './identity/contract.ts'
import { membership } from './membership/contract.ts'
import { recordsContract } from './records/contract.ts'
import type { Contract } from './runtime/contract.ts'
import { Registry } from './runtime/registry.ts'

/**
 * The contracts of this build. A change of behaviour is a new version beside the old one, which stays: it waits in `dormant` until the members activate it by a vote, so that
 * nodes can be updated one after the other.
 */
export function builtInRegistry(dormant: readonly Contract[] = []): Registry {
  return new Registry([identity, consent, recordsContract, access, anonymization, membership].map((contract) => ({ contract, fromHeight: 0n })), dormant)
}

export { recheck, GONE_CODES } from './access/recheck.ts'
export type { GoneCode } from './access/recheck.ts'
export { certifiedValue, readAccount } from './identity/accounts.ts'
export type { Account } from './identity/accounts.ts'
export { consentCount, consentHistory, listConsents, readConsent } from './consent/read.ts'
export type { ListedConsent } from './consent/read.ts'
export { genesisState } from './membership/genesis.ts'
export { pendingStep } from './membership/activation.ts'
export { ACTIVATION_NOTICE_BLOCKS, openProposal } from './membership/validity.ts'
export type { PendingStep, VoterChange } from './membership/activation.ts'
export { listProposals, readActivations, readGovernance, readMember, readMemberSet, readMemberSets, readNode, readParameters, readProposal, readRoster } from './membership/members.ts'
export type { Roster, Stage } from './membership/tables.ts'
export { listRecords, readRecord, readVersion, recordCount, recordHistory } from './records/read.ts'
export type { ReadVersion } from './records/read.ts'
export { authorise } from './runtime/authorise.ts'
export type { Authorisation, AuthorisationBlock, AuthorisationSources } from './runtime/authorise.ts'
export { AUTHORISATION_CODES, BLOCK_CODES, isPassing, RUNTIME_CODES } from './runtime/codes.ts'
export type { AuthorisationCode, BlockCode } from './runtime/codes.ts'
export { executeActivation, executeBlock, executeRecovery, proofsOf, proposeBlock } from './runtime/execute.ts'
export type { BlockOutcome, ExecutionBlock, ExecutionPorts, Proposal } from './runtime/execute.ts'
export type { StateStore, StateView, Verified } from './runtime/ports.ts'
export type { Contract } from './runtime/contract.ts'
export { Registry } from './runtime/registry.ts'
export type { VotedVersion } from './runtime/registry.ts'
export { ReplayWindow, WindowLayer } from './runtime/replay-window.ts'
export type { ReplayView, WindowBlock, WindowContent } from './runtime/replay-window.ts'
export { readerOf } from './runtime/table.ts'
export type { Reader } from './runtime/table.ts'
