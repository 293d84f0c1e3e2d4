import { emptyCounts } from './inventory.ts'
import type { KindCounts } from './inventory.ts'

/** What a de-identification did, by counts alone: no value of a record stands in it. */
export interface DeidentifyReport {
  /** Bundles, or 1 for a flat table. */
  readonly sources: number
  readonly resources: number
  readonly persons: number
  readonly rows: number
  /** Resources of the row type whose patient is not in the same bundle: their rows lack what stands in the patient. */
  readonly orphans: number
  /** Values found in the sources, by kind. Nothing of them leaves, but what `generalised` counts. */
  readonly found: KindCounts
  /** Values that left in a coarser form. */
  readonly generalised: { ages: number; agesPooled: number; years: number; yearsPooled: number; datesShifted: number; zip3: number; zip3Restricted: number }
  /** Cells emptied because their value looked like an identifier or named the person, by kind. */
  readonly screened: KindCounts
  /** Per column, in order. */
  readonly columns: { readonly name: string; missing: number; screened: number; unreadable: number }[]
}

export type ReportDraft = { -readonly [name in keyof DeidentifyReport]: DeidentifyReport[name] }

export function emptyReport(columns: readonly string[]): ReportDraft {
  return {
    sources: 0, resources: 0, persons: 0, rows: 0, orphans: 0, found: emptyCounts(), screened: emptyCounts(),
    generalised: { ages: 0, agesPooled: 0, years: 0, yearsPooled: 0, datesShifted: 0, zip3: 0, zip3Restricted: 0 },
    columns: columns.map((name) => ({ name, missing: 0, screened: 0, unreadable: 0 })),
  }
}
