import { access } from './access/contract.ts'
import { anonymization } from './anonymization/contract.ts'
import { consent } from './consent/contract.ts'
import { identity } from './identity/contract.ts'
import { recordsContract } from './records/contract.ts'
import { Registry } from './runtime/registry.ts'

/** The contracts of this build with their activation heights. A change of behaviour is a new version with a new height; the old file stays. */
export function builtInRegistry(): Registry {
  return new Registry([identity, consent, recordsContract, access, anonymization].map((contract) => ({ contract, fromHeight: 0n })))
}

export { recheck, GONE_CODES } from './access/recheck.ts'
export type { GoneCode } from './access/recheck.ts'
export { certifiedValue, readAccount } from './identity/accounts.ts'
export type { Account } from './identity/accounts.ts'
export { consentCount, consentHistory, listConsents, readConsent } from './consent/read.ts'
export type { ListedConsent } from './consent/read.ts'
export { genesisState } from './membership/genesis.ts'
export { readMember, readMemberSet, readNode, readParameters, readRoster } from './membership/members.ts'
export { listRecords, readRecord, readVersion, recordCount, recordHistory } from './records/read.ts'
export type { ReadVersion } from './records/read.ts'
export { authorise } from './runtime/authorise.ts'
export type { Authorisation, AuthorisationBlock, AuthorisationSources } from './runtime/authorise.ts'
export { AUTHORISATION_CODES, BLOCK_CODES, isPassing, RUNTIME_CODES } from './runtime/codes.ts'
export type { AuthorisationCode, BlockCode } from './runtime/codes.ts'
export { executeBlock, proofsOf, proposeBlock } from './runtime/execute.ts'
export type { BlockOutcome, ExecutionBlock, ExecutionPorts, Proposal } from './runtime/execute.ts'
export type { StateStore, StateView, Verified } from './runtime/ports.ts'
export { Registry } from './runtime/registry.ts'
export { ReplayWindow, WindowLayer } from './runtime/replay-window.ts'
export type { ReplayView, WindowBlock } from './runtime/replay-window.ts'
export { readerOf } from './runtime/table.ts'
export type { Reader } from './runtime/table.ts'
