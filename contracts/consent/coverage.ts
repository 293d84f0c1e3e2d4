import { toHex } from '../../primitives/bytes.ts'
import { isWithinConfidentiality } from '../../primitives/calls/labels.ts'
import type { Action } from '../../primitives/calls/labels.ts'
import type { ConsentTerms } from '../../primitives/calls/consent.ts'
import { purposeCovers } from '../../primitives/calls/purposes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import type { Section } from '../../primitives/calls/records.ts'

/** What a consent is asked about; the grantee has been matched by the list the consent came from. */
export interface Use { readonly timeMs: bigint; readonly action: Action; readonly purpose: Purpose }
export type SectionLabels = Pick<Section, 'class' | 'confidentiality' | 'tags'>

/** True when block time lies in the consent's period: `from` included, `until` excluded. */
export function isInPeriod(terms: Pick<ConsentTerms, 'from' | 'until'>, timeMs: bigint): boolean {
  return terms.from <= timeMs && timeMs < terms.until
}

/** Every group must be met by one of the section's tags at least (groups ANDed, tags within a group ORed). */
export function meetsTags(requires: ConsentTerms['requires'], tags: readonly Uint8Array[]): boolean {
  if (requires.length === 0) return true
  const present = new Set(tags.map(toHex))
  return requires.every((group) => group.some((tag) => present.has(toHex(tag))))
}

/** Whether the terms allow this use of a section. Elements are ANDed, repetitions ORed, an absent restriction restricts nothing (IHE PCF). */
export function coversSection(terms: ConsentTerms, use: Use, section: SectionLabels): boolean {
  return coversUse(terms, use)
    && (terms.classes.length === 0 || terms.classes.includes(section.class))
    && isWithinConfidentiality(section.confidentiality, terms.confidentialityMax)
    && meetsTags(terms.requires, section.tags)
}

/** The part of the terms that does not depend on a section: period, action, purpose. */
export function coversUse(terms: ConsentTerms, use: Use): boolean {
  return isInPeriod(terms, use.timeMs) && terms.actions.includes(use.action) && terms.purposes.some((rule) => purposeCovers(rule, use.purpose))
}
