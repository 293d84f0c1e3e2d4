import type { Infer, Schema } from '../codec.ts'
import { accessCalls, accessEvents } from './access.ts'
import { anonymizationCalls, anonymizationEvents } from './anonymization.ts'
import { consentCalls, consentEvents } from './consent.ts'
import { identityCalls, identityEvents } from './identity.ts'
import { membershipCalls, membershipEvents } from './membership.ts'
import { recordsCalls, recordsEvents } from './records.ts'

/** Every call of every contract: contract → call → schema of its arguments. What is not here cannot be said on the ledger. */
export const CALLS = { identity: identityCalls, consent: consentCalls, records: recordsCalls, access: accessCalls, anonymization: anonymizationCalls, membership: membershipCalls } as const

/** Every event: contract → event → schema of its data. */
export const EVENTS = { identity: identityEvents, consent: consentEvents, records: recordsEvents, access: accessEvents, anonymization: anonymizationEvents, membership: membershipEvents } as const

export type ContractName = keyof typeof CALLS
export type CallName<C extends ContractName> = keyof (typeof CALLS)[C] & string
export type CallArgs<C extends ContractName, N extends CallName<C>> = Infer<(typeof CALLS)[C][N]>

/** Schema of a call's arguments by its names as they stand in a transaction; undefined when there is no such call. */
export function callSchema(contract: string, call: string): Schema<unknown> | undefined {
  return lookUp(CALLS, contract, call)
}

/** Schema of an event's data by its names as they stand in a receipt; undefined when there is no such event. */
export function eventSchema(contract: string, name: string): Schema<unknown> | undefined {
  return lookUp(EVENTS, contract, name)
}

function lookUp(table: Readonly<Record<string, Readonly<Record<string, Schema<unknown>>>>>, contract: string, name: string): Schema<unknown> | undefined {
  if (!Object.hasOwn(table, contract)) return undefined
  const row = table[contract]!
  return Object.hasOwn(row, name) ? row[name] : undefined
}

export * from './access.ts'
export * from './anonymization.ts'
export * from './attributes.ts'
export * from './consent.ts'
export * from './identity.ts'
export * from './labels.ts'
export * from './membership.ts'
export * from './purposes.ts'
export * from './records.ts'
