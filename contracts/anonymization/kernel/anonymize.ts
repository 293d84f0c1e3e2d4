import { buildRelease } from './build-release.ts'
import { ClassJudge } from './class-test.ts'
import type { DatasetDefinition } from './definition.ts'
import { datafly } from './datafly.ts'
import { fullDomain } from './full-domain.ts'
import { hierarchyMondrian } from './mondrian-hierarchy.ts'
import { jointMondrian } from './joint.ts'
import { relaxedMondrian, strictMondrian } from './mondrian.ts'
import { prepare } from './prepare.ts'
import type { Prepared } from './prepare.ts'
import { compare, toRational } from './rational.ts'
import type { ClassTest, Recoding, Report } from './recoding.ts'
import { refuse } from './refuse.ts'
import type { Release } from './release.ts'
import { allRows, sortRows } from './row-order.ts'
import type { Table } from './table.ts'

export interface Progress { readonly phase: 'prepare' | 'recode' | 'assemble'; readonly done: number; readonly total: number }
export interface AnonymizeOptions {
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** One flag per row of the table: 1 = in the research subset. Only its rows are published; the others are the population it hides in (δ-presence, k-map, journalist risk). */
  readonly subset?: Uint8Array | undefined
  /** Told where each row of the table stands in the release, counted from 1; 0: it was left out. Who publishes this publishes who is who. */
  readonly onPlaced?: ((places: Int32Array) => void) | undefined
}

/**
 * Makes a release that satisfies the policy of its definition, or refuses. Pure: equal tables (in any order of rows, unless relaxed Mondrian is told to keep it) and
 * equal definitions give equal releases on every machine; the table is not changed.
 * Refuses with the codes of `ANONYMIZATION_ERRORS`, naming row, column and rule.
 */
export function anonymize(table: Table, definition: DatasetDefinition, options: AnonymizeOptions = {}): Release {
  const { onProgress } = options
  const total = table.rowCount
  onProgress?.({ phase: 'prepare', done: 0, total })
  const prepared = prepare(table, definition)
  const subset = keptSubset(table, prepared, options.subset)
  onProgress?.({ phase: 'recode', done: 0, total: prepared.rowCount })
  const recoding = recode(prepared, subset, onProgress && ((done) => onProgress({ phase: 'recode', done, total: prepared.rowCount })))
  onProgress?.({ phase: 'assemble', done: 0, total: prepared.rowCount })
  const { algorithm } = definition
  const { release, order } = buildRelease(prepared, recoding, algorithm.name === 'mondrian' ? `mondrian-${algorithm.mode}` : algorithm.name, subset)
  checkRisk(release, definition)
  options.onPlaced?.(placesOf(table.rowCount, order, prepared.kept))
  onProgress?.({ phase: 'assemble', done: prepared.rowCount, total: prepared.rowCount })
  return release
}

function placesOf(rowCount: number, order: Int32Array, kept: Int32Array | undefined): Int32Array {
  const places = new Int32Array(rowCount)
  for (let place = 0; place < order.length; place++) places[kept === undefined ? order[place]! : kept[order[place]!]!] = place + 1
  return places
}

/** The flags of the rows that were kept. */
function keptSubset(table: Table, { kept, rowCount, definition: { policy } }: Prepared, subset: Uint8Array | undefined): Uint8Array | undefined {
  if (subset === undefined) {
    if (policy.presence !== undefined || policy.kMap !== undefined) refuse('ANONYMIZATION_SUBSET_INVALID', { rule: 'δ-presence and k-map need a subset' })
    return undefined
  }
  if (subset.length !== table.rowCount || subset.some((flag) => flag > 1)) refuse('ANONYMIZATION_SUBSET_INVALID', { rule: 'one flag, 0 or 1, per row', flags: subset.length, rows: table.rowCount })
  const flags = kept === undefined ? subset : Uint8Array.from(kept, (row) => subset[row]!)
  const size = flags.reduce((sum, flag) => sum + flag, 0)
  if (size === 0) refuse('ANONYMIZATION_SUBSET_INVALID', { rule: 'at least one complete row in the subset' })
  if (size < policy.k) refuse('ANONYMIZATION_K_ABOVE_ROWS', { k: policy.k, rows: size, of: rowCount, rule: 'k ≤ rows of the subset' })
  return flags
}

function recode(prepared: Prepared, subset: Uint8Array | undefined, report: Report | undefined): Recoding {
  const { definition: { algorithm, policy }, quasi, payload, rowCount } = prepared
  const judge = new ClassJudge(policy, payload, subset)
  if (algorithm.name === 'datafly') return datafly(prepared, judge, subset)
  if (algorithm.name === 'full-domain') return fullDomain(prepared, judge, subset, algorithm.metric ?? 'loss', report)
  if (algorithm.name === 'joint') return jointMondrian(prepared, algorithm.siteFloor)
  const rows = allRows(rowCount)
  const whole = judge.broken(rows, 0, rowCount, 1)
  if (whole !== undefined) refuse('ANONYMIZATION_UNSATISFIABLE', { rule: whole, class: 'the whole table' })
  const test: ClassTest | undefined = judge.sizeDecides ? undefined : (data, first, last, stride) => judge.broken(data, first, last, stride) === undefined
  if (algorithm.mode === 'strict') return strictMondrian(quasi, rows, policy.k, test, report)
  if (algorithm.mode === 'hierarchy') return hierarchyMondrian(quasi, rows, policy.k, test, report)
  const keys = [...quasi, ...payload].map(({ codes, texts }) => ({ codes, distinct: texts.length }))
  return relaxedMondrian(quasi, algorithm.rowOrder === 'given' ? rows : sortRows(rows, keys), policy.k, test, report)
}

/** Risks follow from the classes; a bound on them that k does not reach is refused, not repaired. */
export function checkRisk({ risk }: Release, { policy }: DatasetDefinition): void {
  for (const [name, value, bound] of [['prosecutor', risk.prosecutorMax, policy.risk?.prosecutor], ['marketer', risk.marketer, policy.risk?.marketer]] as const) {
    if (bound !== undefined && compare(value, toRational(bound, `risk.${name}`)) > 0) refuse('ANONYMIZATION_UNSATISFIABLE', { rule: `${name} risk`, measured: `${value.num}/${value.den}` })
  }
}
