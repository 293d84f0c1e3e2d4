import { SYSTEM } from './codings.ts'

/** Words and codes that synthetic people are made of. Names are common ones, put together by chance; no real person is meant. */
export const GIVEN_NAMES = {
  female: ['Amara', 'Beatriz', 'Chiara', 'Divya', 'Elif', 'Freya', 'Grace', 'Hana', 'Ingrid', 'Joana', 'Keiko', 'Leila', 'Maren', 'Noor', 'Olena', 'Priya'],
  male: ['Adam', 'Bruno', 'Cyrus', 'Diego', 'Emil', 'Farid', 'Goran', 'Hugo', 'Ivan', 'Jonas', 'Kwame', 'Luca', 'Mateo', 'Nils', 'Omar', 'Pavel'],
} as const

export const FAMILY_NAMES = [
  'Abel', 'Bakker', 'Costa', 'Demir', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ivanova', 'Jensen', 'Kovacs', 'Lindgren', 'Moreau', 'Novak', 'Okafor',
  'Petrov', 'Quispe', 'Rossi', 'Silva', 'Tanaka', 'Ueda', 'Vargas', 'Weber', 'Yilmaz', 'Zhang',
] as const

export const STREETS = ['Orchard Lane', 'Station Road', 'Mill Street', 'Harbour Walk', 'Linden Avenue', 'Chapel Hill'] as const
export const TOWNS = ['Ashford', 'Brookfield', 'Carlow', 'Dunmore', 'Easton', 'Fairview'] as const
export const CLINICIANS = ['Rao', 'Lindqvist', 'Mbeki', 'Castellano', 'Huang', 'Nowak'] as const

export interface Term {
  readonly system: string
  readonly code: string
  readonly display: string
}

export interface Measure extends Term {
  readonly unit: string
  /** Bounds in tenths of the unit. */
  readonly low: number
  readonly high: number
  readonly category: 'vital-signs' | 'laboratory'
}

const snomed = (code: string, display: string): Term => ({ system: SYSTEM.snomed, code, display })
const rxnorm = (code: string, display: string): Term => ({ system: SYSTEM.rxnorm, code, display })
const cvx = (code: string, display: string): Term => ({ system: SYSTEM.cvx, code, display })
const vital = (code: string, display: string, unit: string, low: number, high: number): Measure => ({ system: SYSTEM.loinc, code, display, unit, low, high, category: 'vital-signs' })
const lab = (code: string, display: string, unit: string, low: number, high: number): Measure => ({ system: SYSTEM.loinc, code, display, unit, low, high, category: 'laboratory' })

/** A condition and what it is usually treated with. */
export interface Illness { readonly condition: Term; readonly medicine?: Term }

export const ILLNESSES: readonly Illness[] = [
  { condition: snomed('444814009', 'Viral sinusitis (disorder)') },
  { condition: snomed('195662009', 'Acute viral pharyngitis (disorder)') },
  { condition: snomed('10509002', 'Acute bronchitis (disorder)'), medicine: rxnorm('313782', 'Acetaminophen 325 MG Oral Tablet') },
  { condition: snomed('38341003', 'Hypertension'), medicine: rxnorm('316049', 'Hydrochlorothiazide 25 MG') },
  { condition: snomed('44054006', 'Diabetes'), medicine: rxnorm('860975', '24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet') },
  { condition: snomed('195967001', 'Asthma'), medicine: rxnorm('745679', '200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler') },
  { condition: snomed('44465007', 'Sprain of ankle'), medicine: rxnorm('310965', 'Ibuprofen 200 MG Oral Tablet') },
  { condition: snomed('239873007', 'Osteoarthritis of knee'), medicine: rxnorm('849574', 'Naproxen sodium 220 MG Oral Tablet') },
]

/** Conditions that the sensitivity table closes. Every patient has one, so that the demo and the tests have something to protect. */
export const SENSITIVE_ILLNESSES: readonly Illness[] = [
  { condition: snomed('370143000', 'Major depressive disorder'), medicine: rxnorm('312938', 'Sertraline 100 MG Oral Tablet') },
  { condition: snomed('86406008', 'Human immunodeficiency virus infection') },
  { condition: snomed('7200002', 'Alcoholism') },
  { condition: snomed('192127007', 'Child attention deficit disorder'), medicine: rxnorm('1091392', 'Methylphenidate Hydrochloride 20 MG Oral Tablet') },
  { condition: snomed('76272004', 'Syphilis') },
]

export const VITALS: readonly Measure[] = [
  vital('8302-2', 'Body Height', 'cm', 1500, 1950),
  vital('29463-7', 'Body Weight', 'kg', 480, 1100),
  vital('39156-5', 'Body Mass Index', 'kg/m2', 180, 340),
  vital('8867-4', 'Heart rate', '/min', 550, 980),
  vital('8310-5', 'Body temperature', 'Cel', 361, 384),
]

export const LABS: readonly Measure[] = [
  lab('2093-3', 'Total Cholesterol', 'mg/dL', 1400, 2600),
  lab('2571-8', 'Triglycerides', 'mg/dL', 700, 2400),
  lab('4548-4', 'Hemoglobin A1c/Hemoglobin.total in Blood', '%', 46, 89),
  lab('718-7', 'Hemoglobin [Mass/volume] in Blood', 'g/dL', 115, 172),
  lab('2339-0', 'Glucose', 'mg/dL', 700, 1600),
  lab('38483-4', 'Creatinine', 'mg/dL', 6, 14),
]

export const VACCINES: readonly Term[] = [
  cvx('140', 'Influenza, seasonal, injectable, preservative free'), cvx('113', 'Td (adult) preservative free'), cvx('52', 'Hep A, adult'),
  cvx('133', 'Pneumococcal conjugate PCV 13'), cvx('43', 'Hep B, adult'),
]

export const CHECK_UP = snomed('185349003', 'Encounter for check up (procedure)')
export const BLOOD_PANEL: Term = { system: SYSTEM.loinc, code: '51990-0', display: 'Basic Metabolic Panel' }
