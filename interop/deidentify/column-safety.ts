import { SteleError } from '../../primitives/error.ts'
import { kindOfMember } from './identifier-kinds.ts'
import type { IdentifierKind } from './identifier-kinds.ts'
import type { ColumnMapping, DateMode } from './mapping.ts'

/** Names of members that hold dates in FHIR R4, and of columns that do in flat tables. */
const DATE_MEMBER = /date|^(?:issued|recorded|created|start|end|authoredOn|whenHandedOver|whenPrepared|started|period)$|(?:DateTime|Instant|Period)$|^(?:dob|birthday)$/i
const ZIP_MEMBER = /^(?:postal_?code|zip(?:_?code)?|postcode)$/i

/**
 * Refuses a column that would let one of the eighteen identifiers through, judged by the names on its path; the values are screened again when they
 * are read. What only counts or says yes or no carries nothing out. Throws `DEIDENTIFY_UNSAFE` naming column, kind and rule.
 */
export function checkColumnSafety({ name, path, take }: ColumnMapping, dates: DateMode): void {
  const refuse = (kind: IdentifierKind, rule: string): SteleError => new SteleError({ code: 'DEIDENTIFY_UNSAFE', message: 'a column of the mapping would carry an identifier out', details: { column: name, kind, rule } })
  if (take === 'date' && dates !== 'shift') throw refuse('date', 'Safe Harbor lets only the year of a date out: take year or age, or set dates: shift with a project key')
  if (take === 'count' || take === 'present') return
  const names = path.map((step) => step.name)
  const last = names.at(-1) ?? ''
  if (take === 'zip3') {
    if (!ZIP_MEMBER.test(last)) throw refuse('geography', 'zip3 reads a postal code')
    return
  }
  if (ZIP_MEMBER.test(last)) throw refuse('geography', 'of a postal code only take: zip3 may leave')
  if (take !== 'age' && take !== 'year' && take !== 'date' && DATE_MEMBER.test(last)) throw refuse('date', 'of a date only take: age or year may leave, or date with dates: shift')
  for (const step of names) {
    const kind = step === 'address' && names.length > 1 ? undefined : kindOfMember(step)
    if (kind !== undefined) throw refuse(kind, 'this member is removed in every mode; name codes, numbers, dates or postal codes instead')
  }
  // A display belongs to a coding; beside a reference it is somebody's name.
  if (last === 'display' && !/coding$|^class$/i.test(names.at(-2) ?? '')) throw refuse('name', 'a display may leave only beside a code')
}
