import { array, fixedBytes, oneOf } from '../codec.ts'
import type { Schema } from '../codec.ts'
import { PURPOSES } from './purposes.ts'
import type { Purpose } from './purposes.ts'

/** HL7 v3 Confidentiality, lowest first: unrestricted, low, moderate, normal, restricted, very restricted. The order is the meaning. */
export const CONFIDENTIALITIES = ['U', 'L', 'M', 'N', 'R', 'V'] as const
export type Confidentiality = (typeof CONFIDENTIALITIES)[number]
export const confidentiality: Schema<Confidentiality> = oneOf(...CONFIDENTIALITIES)

/** True when data of this level may be seen under the ceiling `max`. */
export function isWithinConfidentiality(level: Confidentiality, max: Confidentiality): boolean {
  return CONFIDENTIALITIES.indexOf(level) <= CONFIDENTIALITIES.indexOf(max)
}

/** Coarse class of a section: all that the ledger says in clear about what a section holds (DESIGN §5.12). */
export const COARSE_CLASSES = ['clinical', 'summary', 'imaging', 'device', 'claim', 'research', 'genomic'] as const
export type CoarseClass = (typeof COARSE_CLASSES)[number]
export const coarseClass: Schema<CoarseClass> = oneOf(...COARSE_CLASSES)

/** The verbs of access, each separate: none implies another (REQUIREMENTS AC5). */
export const ACTIONS = ['query', 'read', 'write', 'append', 'export', 'reshare', 'decrypt'] as const
export type Action = (typeof ACTIONS)[number]
export const action: Schema<Action> = oneOf(...ACTIONS)

export const purpose: Schema<Purpose> = oneOf(...PURPOSES)

/** Opaque tag: the first 16 bytes of an HMAC under a key that only patient and custodian hold. */
export const TAG_BYTES = 16
export const tag: Schema<Uint8Array> = fixedBytes(TAG_BYTES)

/** A section's tags: padded with random ones to a multiple of 16, strictly ascending in byte order, so that their number says little. */
export const TAGS_PER_SECTION = { step: 16, max: 64 } as const
export const sectionTags: Schema<Uint8Array[]> = array(tag, { min: TAGS_PER_SECTION.step, max: TAGS_PER_SECTION.max })
