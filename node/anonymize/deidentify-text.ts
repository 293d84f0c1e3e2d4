import { IDENTIFIER_KINDS } from '../../interop/deidentify/identifier-kinds.ts'
import type { IdentifierKind } from '../../interop/deidentify/identifier-kinds.ts'
import type { Mapping } from '../../interop/deidentify/mapping.ts'
import type { DeidentifyReport } from '../../interop/deidentify/report.ts'
import { table } from '../output.ts'

/** What was removed, for people: one line a kind, what left in coarser form, and what the screen stopped. */
export function formatDeidentifyReport(report: DeidentifyReport, { dates }: Mapping): string {
  const { generalised: coarse } = report
  const kinds = Object.entries(IDENTIFIER_KINDS).map(([kind, text]) => [text, String(report.found[kind as IdentifierKind]), report.screened[kind as IdentifierKind] === 0 ? '' : String(report.screened[kind as IdentifierKind])])
  const columns = report.columns.filter(({ missing }) => missing > 0).map(({ name, missing, screened, unreadable }) => `  ${name}: ${missing} of ${report.rows} cells empty${screened > 0 ? `, ${screened} values stopped by the screen` : ''}${unreadable > 0 ? `, ${unreadable} values of another form` : ''}`)
  return [
    `${report.persons} persons, ${report.resources} resources from ${report.sources} ${report.sources === 1 ? 'source' : 'sources'} → ${report.rows} rows`,
    ...(report.orphans > 0 ? [`! ${report.orphans} rows without their patient in the same bundle`] : []),
    '', table([['REMOVED', 'VALUES', 'STOPPED'], ...kinds]), '',
    `left in coarser form: ${coarse.ages} ages (${coarse.agesPooled} as 90+), ${coarse.years} years (${coarse.yearsPooled} pooled), ${coarse.zip3} ZIP areas (${coarse.zip3Restricted} as 000)${dates === 'shift' ? `, ${coarse.datesShifted} dates moved` : ''}`,
    ...columns,
    dates === 'year' ? 'method: Safe Harbor, 45 CFR §164.514(b)(2); whether the remaining columns single anybody out is what `stele anonymize` measures' : 'method: dates moved per person; this is not Safe Harbor but needs an expert\'s determination, 45 CFR §164.514(b)(1)',
  ].join('\n')
}
