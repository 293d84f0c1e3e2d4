import type { Licence, Role, Specialty } from '../../primitives/calls/index.ts'

/** An institution of the demo: one member with one node. */
export interface Institution {
  /** Name in genesis: lower case, digits, hyphens. */
  readonly slug: string
  /** Name for people. */
  readonly name: string
  readonly city: string
}

/** Somebody who asks for records. */
export interface Professional {
  readonly name: string
  readonly kind: 'clinician' | 'researcher'
  /** Slug of the institution that enrols and certifies them. */
  readonly institution: string
  readonly role: Role
  readonly specialty?: Specialty
  readonly licence: Licence
  /** Shown to patients in the audit trail; never on the ledger. */
  readonly device: string
}

/** Invented names: no institution and nobody is meant. */
export const INSTITUTIONS: readonly Institution[] = [
  { slug: 'city-hospital', name: 'City Hospital', city: 'Ashford' },
  { slug: 'lakeside-clinic', name: 'Lakeside Clinic', city: 'Brookfield' },
  { slug: 'st-brigid', name: 'St Brigid Hospital', city: 'Carlow' },
  { slug: 'north-university', name: 'North University', city: 'Dunmore' },
]

export const CLINICIAN: Professional = {
  name: 'Dr Rao', kind: 'clinician', institution: 'lakeside-clinic', role: 'physician', specialty: 'internal-medicine', licence: 'active', device: 'ward workstation 3',
}

/** Nobody consents to this one in the demo. */
export const STRANGER: Professional = {
  name: 'Dr Castellano', kind: 'clinician', institution: 'st-brigid', role: 'physician', specialty: 'dermatology', licence: 'active', device: 'tablet 12',
}

export const RESEARCHER: Professional = {
  name: 'Prof Lindqvist', kind: 'researcher', institution: 'north-university', role: 'researcher', specialty: 'public-health', licence: 'active', device: 'study server',
}

export const PROFESSIONALS: readonly Professional[] = [CLINICIAN, STRANGER, RESEARCHER]

/** Institution by its slug. Throws `RangeError` for one that is not in the cast. */
export function institutionOf(slug: string): Institution & { readonly member: number } {
  const index = INSTITUTIONS.findIndex((institution) => institution.slug === slug)
  if (index < 0) throw new RangeError(`no institution ${slug} in the demo`)
  return { ...INSTITUTIONS[index]!, member: index + 1 }
}

/** "Dr Rao, Lakeside Clinic": who asked, as it stands in the sealed details. */
export function introduce({ name, institution }: Professional): string {
  return `${name}, ${institutionOf(institution).name}`
}
