import { array, fixedBytes, oneOf, struct, u32, u64 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { u32Bytes } from '../../primitives/bytes.ts'
import { consentTerms } from '../../primitives/calls/consent.ts'
import type { Grantee } from '../../primitives/calls/consent.ts'
import { defineTable, idPart, u32Part, wordPart } from '../runtime/table.ts'

/** Live consents that one patient may give one grantee. It bounds what a decision reads, so that every decision may cost the same. */
export const LIVE_CONSENTS_MAX = 32

const consent = struct({ patient: fixedBytes(32), state: oneOf('live', 'revoked'), version: u32, sinceHeight: u64, sinceMs: u64, terms: consentTerms })
export type Consent = Infer<typeof consent>

const earlier = struct({ sinceHeight: u64, sinceMs: u64, terms: consentTerms })
export type EarlierTerms = Infer<typeof earlier>

/** consent id (= id of its grant transaction) → newest version. A revoked consent stays, with the height and time of the revocation. */
export const consents = defineTable({ contract: 'consent', name: 'consents', number: 1, key: [idPart], value: consent })
/** (consent id, version) → a superseded version, or the terms that a revocation ended. */
export const earlierTerms = defineTable({ contract: 'consent', name: 'earlier', number: 2, key: [idPart, u32Part], value: earlier })
/** (patient, kind of grantee, grantee) → ids of live consents, oldest first. Expired ones stay until room is needed. */
export const pairs = defineTable({ contract: 'consent', name: 'pairs', number: 3, key: [idPart, wordPart(['account', 'member']), idPart], value: array(fixedBytes(32), { max: LIVE_CONSENTS_MAX }) })
/** (patient, transaction id) → the patient has revoked this id before its grant arrived; the grant can never come alive. */
export const tombstones = defineTable({ contract: 'consent', name: 'tombstones', number: 4, key: [idPart, idPart], value: u64 })
/** patient → how many consents it ever granted. */
export const consentCounts = defineTable({ contract: 'consent', name: 'counts', number: 5, key: [idPart], value: u32 })
/** (patient, position from 0) → consent id. */
export const consentLists = defineTable({ contract: 'consent', name: 'lists', number: 6, key: [idPart, u32Part], value: fixedBytes(32) })

/** The grantee's 32 bytes in the key of `pairs`: an account id, or a member number with zeros before it. */
export function pairKey(patient: Uint8Array, grantee: Grantee): [Uint8Array, 'account' | 'member', Uint8Array] {
  if (grantee.kind === 'account') return [patient, 'account', grantee.value]
  const padded = new Uint8Array(32)
  padded.set(u32Bytes(grantee.value), 28)
  return [patient, 'member', padded]
}
