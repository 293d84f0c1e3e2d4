import { isWithinConfidentiality } from '../../primitives/calls/labels.ts'
import type { Action } from '../../primitives/calls/labels.ts'
import type { ConsentTerms } from '../../primitives/calls/consent.ts'
import { purposeCovers } from '../../primitives/calls/purposes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import type { Section } from '../../primitives/calls/records.ts'
import { bytesToText } from '../../primitives/bytes.ts'

/** What a consent is asked about; the grantee has been matched by the list the consent came from. */
export interface Use { readonly timeMs: bigint; readonly action: Action; readonly purpose: Purpose }
/** A section as consents see it: its labels, the tags as a set of `bytesToText` so that many consents can be asked quickly. */
export interface SectionLabels extends Pick<Section, 'class' | 'confidentiality'> { readonly tags: ReadonlySet<string> }

// Sections never change once registered, and the store hands out the same decoded object, so its labels are prepared once.
const preparedLabels = new WeakMap<object, SectionLabels>()

export function labelsOf(section: Pick<Section, 'class' | 'confidentiality' | 'tags'>): SectionLabels {
  let labels = preparedLabels.get(section)
  if (labels === undefined) {
    labels = { class: section.class, confidentiality: section.confidentiality, tags: new Set(section.tags.map(bytesToText)) }
    preparedLabels.set(section, labels)
  }
  return labels
}

/** True when block time lies in the consent's period: `from` included, `until` excluded. */
export function isInPeriod(terms: Pick<ConsentTerms, 'from' | 'until'>, timeMs: bigint): boolean {
  return terms.from <= timeMs && timeMs < terms.until
}

/** Every group must be met by one of the section's tags at least (groups ANDed, tags within a group ORed). */
export function meetsTags(requires: ConsentTerms['requires'], tags: ReadonlySet<string>): boolean {
  return requires.every((group) => group.some((tag) => tags.has(bytesToText(tag))))
}

/** The part of the terms that does not depend on a section: period, action, purpose. */
export function coversUse(terms: ConsentTerms, use: Use): boolean {
  return isInPeriod(terms, use.timeMs) && terms.actions.includes(use.action) && terms.purposes.some((rule) => purposeCovers(rule, use.purpose))
}

/** The part that looks at a section. Elements are ANDed, repetitions ORed, an absent restriction restricts nothing (IHE PCF). */
export function coversSection(terms: ConsentTerms, section: SectionLabels): boolean {
  return (terms.classes.length === 0 || terms.classes.includes(section.class))
    && isWithinConfidentiality(section.confidentiality, terms.confidentialityMax)
    && meetsTags(terms.requires, section.tags)
}
