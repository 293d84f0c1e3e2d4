import type { Reader } from '../runtime/table.ts'
import { consentCounts, consentLists, consents, earlierTerms } from './tables.ts'
import type { Consent, EarlierTerms } from './tables.ts'

export interface ListedConsent extends Consent { readonly id: Uint8Array }

export function readConsent(reader: Reader, id: Uint8Array): Consent | undefined {
  return reader.get(consents, id)
}

export function consentCount(reader: Reader, patient: Uint8Array): number {
  return reader.get(consentCounts, patient) ?? 0
}

/** A patient's consents in the order of granting, live and revoked alike: positions [from, from + limit). */
export function listConsents(reader: Reader, patient: Uint8Array, from: number, limit: number): ListedConsent[] {
  const end = Math.min(consentCount(reader, patient), from + limit)
  const page: ListedConsent[] = []
  for (let position = from; position < end; position++) {
    const id = reader.get(consentLists, patient, position)
    const found = id === undefined ? undefined : reader.get(consents, id)
    if (id !== undefined && found !== undefined) page.push({ id, ...found })
  }
  return page
}

/** The versions before the newest one, oldest first; for a revoked consent the last of them is the one that the revocation ended. */
export function consentHistory(reader: Reader, id: Uint8Array): EarlierTerms[] {
  const newest = reader.get(consents, id)
  const versions: EarlierTerms[] = []
  for (let version = 1; version <= (newest?.version ?? 0); version++) {
    const found = reader.get(earlierTerms, id, version)
    if (found !== undefined) versions.push(found)
  }
  return versions
}
