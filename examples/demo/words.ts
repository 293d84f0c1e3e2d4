/** Plain words for codes, so that a patient needs no handbook. What has no word here is shown by its code. */
export const TYPE_WORDS: Readonly<Record<string, string>> = {
  AllergyIntolerance: 'an allergy', CarePlan: 'a care plan', Claim: 'a bill', Condition: 'a diagnosis', DiagnosticReport: 'a laboratory report', Encounter: 'a visit',
  ExplanationOfBenefit: 'an insurance statement', Goal: 'a treatment goal', ImagingStudy: 'images', Immunization: 'a vaccination', MedicationRequest: 'a prescription',
  Observation: 'a test result', Organization: 'an entry about an institution', Patient: 'your personal details', Practitioner: 'an entry about a clinician',
  Procedure: 'a procedure',
}

export const PURPOSE_WORDS: Readonly<Record<string, string>> = {
  TREAT: 'treatment', ETREAT: 'emergency treatment', BTG: 'an emergency override', ERTREAT: 'emergency room treatment', COC: 'coordination of care', HPAYMT: 'payment',
  HOPERAT: 'running the institution', HRESCH: 'research', CLINTRCH: 'clinical trial research', CLINTRL: 'a clinical trial', PUBHLTH: 'public health', HMARKT: 'marketing',
  PATRQT: 'your own request', FAMRQT: 'a family request', PWATRNY: 'power of attorney', SUPNWK: 'your support network',
}

export const ACTION_WORDS: Readonly<Record<string, string>> = {
  query: 'look up', read: 'read', write: 'change', append: 'add to', export: 'export', reshare: 'pass on', decrypt: 'decrypt',
}

/** The word of a code, or the code itself. */
export function wordFor(words: Readonly<Record<string, string>>, code: string): string {
  return Object.hasOwn(words, code) ? words[code]! : code
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** "21 Nov 2026, 10:05 UTC", the same in every locale. */
export function sayTime(ms: number): string {
  const date = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${two(date.getUTCHours())}:${two(date.getUTCMinutes())} UTC`
}

/** "1.2 s", "340 ms", "2 min 5 s". */
export function sayDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}
