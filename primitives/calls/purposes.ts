/**
 * HL7 v3 PurposeOfUse as a hierarchy: child → parent, the whole is-a closure of `PurposeOfUse` in CodeSystem v3-ActReason.
 * A rule for a parent covers its children, never the reverse: TREAT covers BTG, a rule for BTG needs BTG (IHE PCF reading).
 * Source: terminology.hl7.org/CodeSystem/v3-ActReason, value set v3-PurposeOfUse; `null` marks the nine top concepts' parent.
 */
const PARENTS = {
  HMARKT: null, HOPERAT: null, HPAYMT: null, HRESCH: null, PATRQT: null, PUBHLTH: null, TREAT: null,
  CAREMGT: 'HOPERAT', DONAT: 'HOPERAT', FRAUD: 'HOPERAT', GOV: 'HOPERAT', HACCRED: 'HOPERAT', HCOMPL: 'HOPERAT', HDECD: 'HOPERAT',
  HDIRECT: 'HOPERAT', HDM: 'HOPERAT', HLEGAL: 'HOPERAT', HOUTCOMS: 'HOPERAT', HPRGRP: 'HOPERAT', HQUALIMP: 'HOPERAT', HSYSADMIN: 'HOPERAT',
  LABELING: 'HSYSADMIN', METAMGT: 'HSYSADMIN', MEMADMIN: 'HOPERAT', MILCDM: 'HOPERAT', PATADMIN: 'HOPERAT', PATSFTY: 'HOPERAT',
  PERFMSR: 'HOPERAT', RECORDMGT: 'HOPERAT', SYSDEV: 'HOPERAT', HTEST: 'SYSDEV', TRAIN: 'HOPERAT',
  CLMATTCH: 'HPAYMT', COVAUTH: 'HPAYMT', COVERAGE: 'HPAYMT', ELIGDTRM: 'COVERAGE', ELIGVER: 'COVERAGE', ENROLLM: 'COVERAGE',
  MILDCRG: 'COVERAGE', REMITADV: 'HPAYMT',
  BIORCH: 'HRESCH', CLINTRCH: 'HRESCH', CLINTRCHNPC: 'CLINTRCH', CLINTRCHPC: 'CLINTRCH', PRECLINTRCH: 'CLINTRCH', DSRCH: 'HRESCH',
  POARCH: 'HRESCH', TRANSRCH: 'HRESCH',
  FAMRQT: 'PATRQT', PWATRNY: 'PATRQT', SUPNWK: 'PATRQT',
  DISASTER: 'PUBHLTH', THREAT: 'PUBHLTH',
  CLINTRL: 'TREAT', COC: 'TREAT', ETREAT: 'TREAT', BTG: 'ETREAT', ERTREAT: 'ETREAT', POPHLTH: 'TREAT',
} as const satisfies Record<string, string | null>

export type Purpose = keyof typeof PARENTS

/** Every purpose, in byte order, so that generated documents and schemas do not depend on the order above. */
export const PURPOSES: readonly Purpose[] = (Object.keys(PARENTS) as Purpose[]).sort((a, b) => (a < b ? -1 : 1))

export function isPurpose(word: string): word is Purpose {
  return Object.hasOwn(PARENTS, word)
}

/** The purpose and its ancestors, nearest first. At most four: the hierarchy is four levels deep. */
export function purposeAncestry(purpose: Purpose): readonly Purpose[] {
  const line: Purpose[] = []
  for (let at: Purpose | null = purpose; at !== null; at = PARENTS[at]) line.push(at)
  return line
}

/** True when a rule for `rule` covers a request for `requested`: equal, or an ancestor of it. */
export function purposeCovers(rule: Purpose, requested: Purpose): boolean {
  return purposeAncestry(requested).includes(rule)
}
