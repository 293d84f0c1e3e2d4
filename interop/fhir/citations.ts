import { asText, valuesAt, type JsonObject } from './json.ts'
import { joinVerdicts, type SensitivityVerdict } from './sensitivity.ts'

/**
 * Fields through which one resource tells another one's content: the claim that names a diagnosis, the prescription that names its reason. Whoever
 * reads the citing resource learns that the cited one exists and often what it says, so the citing one is at least as sensitive. An encounter that
 * was the setting does not count: a blood pressure taken at a visit says nothing about what else was talked about.
 */
const TELLING_FIELDS = [
  'reasonReference.reference', 'addresses.reference', 'diagnosis.diagnosisReference.reference', 'diagnosis.condition.reference',
  'prescription.reference', 'procedure.procedureReference.reference', 'result.reference', 'contained.reasonReference.reference',
  'activity.detail.reasonReference.reference', 'outcomeReference.reference', 'basedOn.reference', 'partOf.reference', 'claim.reference',
  'activity.reference.reference', 'goal.reference',
] as const

/** References of a resource to those whose content it tells. */
export function tellingReferences(resource: JsonObject): string[] {
  return TELLING_FIELDS.flatMap((path) => valuesAt(resource, path).flatMap((value) => asText(value) ?? []))
}

/**
 * Raises every verdict to that of what it cites, through chains of citations. `cites[i]` holds the indexes that resource i cites.
 * Levels only rise and have finitely many values, so the work list empties: O(resources × citations × levels).
 */
export function spreadSensitivity(own: readonly SensitivityVerdict[], cites: readonly (readonly number[])[]): SensitivityVerdict[] {
  const verdicts = [...own]
  const citedBy: number[][] = own.map(() => [])
  cites.forEach((targets, from) => targets.forEach((to) => citedBy[to]?.push(from)))
  const waiting = own.flatMap((verdict, index) => (verdict.sensitivities.length > 0 ? [index] : []))
  while (waiting.length > 0) {
    const cited = waiting.pop()!
    for (const citing of citedBy[cited]!) {
      const joined = joinVerdicts(verdicts[citing]!, verdicts[cited]!)
      const grew = joined.sensitivities.length > verdicts[citing]!.sensitivities.length || joined.confidentiality !== verdicts[citing]!.confidentiality
      if (!grew) continue
      verdicts[citing] = joined
      waiting.push(citing)
    }
  }
  return verdicts
}
