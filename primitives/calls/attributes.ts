import { oneOf } from '../codec.ts'
import type { Schema } from '../codec.ts'

/** What members certify about accounts. Values are numbers of the tables below, so that no text reaches the ledger. */
export const ATTRIBUTES = ['role', 'specialty', 'organisation', 'licence'] as const
export type Attribute = (typeof ATTRIBUTES)[number]
export const attribute: Schema<Attribute> = oneOf(...ATTRIBUTES)

/** Professional role. Numbers are never reused for another meaning; policy names roles by these words. */
export const ROLES = {
  physician: 1, nurse: 2, pharmacist: 3, clerk: 4, researcher: 5, therapist: 6, midwife: 7, dentist: 8, technician: 9,
  paramedic: 10, 'public-health-officer': 11, 'privacy-officer': 12, administrator: 13, payer: 14, 'care-coordinator': 15,
} as const
export type Role = keyof typeof ROLES

/** Medical specialty, coarse on purpose: a finer one would narrow a pseudonym down to a person. */
export const SPECIALTIES = {
  'general-practice': 1, 'internal-medicine': 2, surgery: 3, paediatrics: 4, psychiatry: 5, gynaecology: 6, cardiology: 7, oncology: 8,
  neurology: 9, radiology: 10, anaesthesiology: 11, 'emergency-medicine': 12, dermatology: 13, ophthalmology: 14, orthopaedics: 15,
  urology: 16, 'laboratory-medicine': 17, genetics: 18, 'public-health': 19, dentistry: 20,
} as const
export type Specialty = keyof typeof SPECIALTIES

/** State of a licence to practise. Only `active` satisfies a policy that asks for a licence. */
export const LICENCES = { active: 1, restricted: 2, lapsed: 3 } as const
export type Licence = keyof typeof LICENCES

/** The table an attribute's value is taken from; undefined for `organisation`, whose value is a member number. */
export function attributeValues(name: Attribute): Readonly<Record<string, number>> | undefined {
  switch (name) {
    case 'role': return ROLES
    case 'specialty': return SPECIALTIES
    case 'licence': return LICENCES
    case 'organisation': return undefined
  }
}

export function isRole(word: string): word is Role {
  return Object.hasOwn(ROLES, word)
}
