import { compareBytes } from '../../primitives/bytes.ts'
import type { ConsentTerms } from '../../primitives/calls/consent.ts'
import type { Reader } from '../runtime/table.ts'
import { coversSection, coversUse } from './coverage.ts'
import type { SectionLabels, Use } from './coverage.ts'
import { consents, pairKey, pairs } from './tables.ts'

/** A live consent that a decision may rest on. */
export interface Basis { readonly id: Uint8Array; readonly terms: ConsentTerms }

/** All live consents that `patient` has given to the account itself or to the member that enrolled it. At most 2 × `LIVE_CONSENTS_MAX` point reads. */
export function liveConsents(reader: Reader, patient: Uint8Array, account: Uint8Array, member: number): Basis[] {
  const found: Basis[] = []
  for (const grantee of [{ kind: 'account', value: account }, { kind: 'member', value: member }] as const) {
    for (const id of reader.get(pairs, ...pairKey(patient, grantee)) ?? []) {
      const consent = reader.get(consents, id)
      if (consent?.state === 'live') found.push({ id, terms: consent.terms })
    }
  }
  return found
}

/**
 * The consent that covers the use of every section, or undefined. One consent must cover all: a permit has one basis, whose end is the
 * permit's end. Of several the one that ends last is taken, then the lowest id, so that every node chooses alike.
 */
export function bestBasis(live: readonly Basis[], use: Use, sections: readonly SectionLabels[]): Basis | undefined {
  let best: Basis | undefined
  for (const basis of live) {
    if (!coversUse(basis.terms, use) || !sections.every((section) => coversSection(basis.terms, section))) continue
    if (best === undefined || basis.terms.until > best.terms.until || (basis.terms.until === best.terms.until && compareBytes(basis.id, best.id) < 0)) best = basis
  }
  return best
}
