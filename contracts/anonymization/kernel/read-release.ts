import type { AttributeDefinition, DatasetDefinition } from './definition.ts'
import { ANY, byCodeUnits } from './hierarchy-builders.ts'
import type { Hierarchy } from './hierarchy.ts'
import type { ReleaseMetrics, ReleaseRisk } from './metrics.ts'
import { maybePlaces, maybeUnits } from './numbers.ts'
import { toRational } from './rational.ts'
import type { Rational } from './rational.ts'
import { refuse } from './refuse.ts'
import { RANGE_MARK, SET_MARK } from './release.ts'
import type { Release, ReleasedPayload, ReleasedQuasi, ReleasedValue } from './release.ts'
import { yardstick } from './yardstick.ts'

/** What stands beside the rows of a release: everything but cells, as plain JSON (whole numbers beyond 2^53 and ratios as text). */
export interface ReleaseClaims {
  readonly version: 1
  readonly algorithm: string
  readonly rowCount: number
  readonly suppressedCount: number
  readonly droppedCount: number
  readonly levels?: readonly number[] | undefined
  readonly populationSizes?: readonly number[] | undefined
  readonly quasi: readonly { readonly name: string; readonly scale: number; readonly range: number }[]
  /** Values and their counts in the original, for columns that publish them. */
  readonly originalCounts: Readonly<Record<string, readonly (readonly [value: string, count: number])[]>>
  readonly metrics: { readonly ncp: string; readonly ncpByColumn: readonly string[]; readonly discernibility: string; readonly averageClassSize: string; readonly classCount: number; readonly smallestClass: number; readonly largestClass: number }
  readonly risk: { readonly prosecutorMax: string; readonly prosecutorAverage: string; readonly marketer: string; readonly journalistMax?: string | undefined }
  readonly statistics: readonly { readonly columns: readonly string[]; readonly scales: readonly number[]; readonly sum: readonly string[]; readonly products: readonly string[] }[]
}

const ratio = ({ num, den }: Rational): string => `${num}/${den}`

/** The claims of a release. Together with its rows they give the release back. */
export function releaseClaims(release: Release): ReleaseClaims {
  const { metrics, risk } = release
  return {
    version: 1, algorithm: release.algorithm, rowCount: release.rowCount, suppressedCount: release.suppressedCount, droppedCount: release.droppedCount,
    levels: release.levels, populationSizes: release.populationSizes && [...release.populationSizes],
    quasi: release.quasi.map(({ name, scale, range }) => ({ name, scale, range })),
    originalCounts: Object.fromEntries(release.payload.flatMap(({ name, values, originalCounts }) => (originalCounts === undefined ? [] : [[name, values.map((value, i) => [value, originalCounts[i]!] as const)]]))),
    metrics: { ncp: ratio(metrics.ncp), ncpByColumn: metrics.ncpByColumn.map(ratio), discernibility: metrics.discernibility.toString(), averageClassSize: ratio(metrics.averageClassSize), classCount: metrics.classCount, smallestClass: metrics.smallestClass, largestClass: metrics.largestClass },
    risk: { prosecutorMax: ratio(risk.prosecutorMax), prosecutorAverage: ratio(risk.prosecutorAverage), marketer: ratio(risk.marketer), journalistMax: risk.journalistMax && ratio(risk.journalistMax) },
    statistics: release.statistics.map(({ columns, scales, sum, products }) => ({ columns, scales, sum: sum.map(String), products: products.map(String) })),
  }
}

const malformed = (rule: string, place: Readonly<Record<string, string | number>> = {}): never => refuse('ANONYMIZATION_RELEASE_MALFORMED', { rule, ...place })

/**
 * A release read back from its rows (in canonical order, as `releaseRows` gives them) and claims, to be checked by `checkRelease`. Consecutive rows of equal quasi-identifiers are a class.
 * `ANONYMIZATION_RELEASE_MALFORMED`, naming row and column, when a cell is no value of its column.
 */
export function releaseFromRows(header: readonly string[], rows: Iterable<readonly string[]>, definition: DatasetDefinition, claims: ReleaseClaims): Release {
  const attributes = (roles: readonly string[]): AttributeDefinition[] => definition.attributes.filter(({ role }) => roles.includes(role))
  const [quasi, payload] = [attributes(['quasi-identifier']), attributes(['sensitive', 'insensitive'])]
  const names = [...quasi, ...payload].map(({ name }) => name)
  if (header.length !== names.length || header.some((name, i) => name !== names[i])) malformed('the columns of the definition: quasi-identifiers, then the others')
  const classes: string[][] = []
  const sizes: number[] = []
  const cells: string[][] = payload.map(() => [])
  let row = 0
  for (const line of rows) {
    row++
    if (line.length !== names.length) malformed(`${names.length} cells`, { row })
    const last = classes.at(-1)
    if (last === undefined || last.some((text, q) => text !== line[q])) {
      classes.push(line.slice(0, quasi.length))
      sizes.push(0)
    }
    sizes[sizes.length - 1]!++
    for (const [i, column] of cells.entries()) column.push(line[quasi.length + i]!)
  }
  const readQuasi = quasi.map((attribute, q) => quasiFromTexts(attribute, definition, claims, classes.map((each) => each[q]!), q))
  return {
    version: 1, algorithm: claims.algorithm, rowCount: row, suppressedCount: claims.suppressedCount, droppedCount: claims.droppedCount, levels: claims.levels,
    quasi: readQuasi, classSizes: Int32Array.from(sizes), populationSizes: claims.populationSizes && Int32Array.from(claims.populationSizes),
    payload: payload.map((attribute, i) => payloadFromTexts(attribute, claims, cells[i]!)), metrics: readMetrics(claims), risk: readRisk(claims),
    statistics: claims.statistics.map(({ columns, scales, sum, products }) => ({ columns: columns.length === 2 ? [columns[0]!, columns[1]!] : [columns[0] ?? malformed('statistics name their column')], scales, sum: sum.map(whole), products: products.map(whole) })),
  }
}

function whole(text: string): bigint {
  return /^-?\d{1,60}$/.test(text) ? BigInt(text) : malformed('whole numbers')
}

function readMetrics({ metrics }: ReleaseClaims): ReleaseMetrics {
  const { classCount, smallestClass, largestClass } = metrics
  return { ncp: toRatio(metrics.ncp), ncpByColumn: metrics.ncpByColumn.map(toRatio), discernibility: whole(metrics.discernibility), averageClassSize: toRatio(metrics.averageClassSize), classCount, smallestClass, largestClass }
}

/** Ratios of claims may be longer than those of a policy. */
function toRatio(text: string): Rational {
  const match = /^(\d{1,200})\/(\d{1,200})$/.exec(text)
  return match === null || BigInt(match[2]!) === 0n ? toRational(text, 'a ratio of whole numbers') : { num: BigInt(match[1]!), den: BigInt(match[2]!) }
}

function readRisk({ risk }: ReleaseClaims): ReleaseRisk {
  return { prosecutorMax: toRatio(risk.prosecutorMax), prosecutorAverage: toRatio(risk.prosecutorAverage), marketer: toRatio(risk.marketer), journalistMax: risk.journalistMax === undefined ? undefined : toRatio(risk.journalistMax) }
}

function quasiFromTexts(attribute: AttributeDefinition, definition: DatasetDefinition, claims: ReleaseClaims, texts: readonly string[], q: number): ReleasedQuasi {
  const claim = claims.quasi[q]
  if (claim?.name !== attribute.name) return malformed('claims for every quasi-identifier, in order', { column: attribute.name })
  const { algorithm } = definition
  const isTree = algorithm.name !== 'mondrian' || (algorithm.mode === 'hierarchy' && attribute.type === 'categorical')
  const read = (text: string): ReleasedValue => (isTree ? treeValue(attribute, text, claims.levels?.[q]) : attribute.type === 'categorical' ? orderedValue(attribute, text) : numericValue(text))
  const distinct = [...new Set(texts)]
  const draft: ReleasedQuasi = { name: attribute.name, type: attribute.type, scale: claim.scale, range: claim.range, values: distinct.map(read), codes: new Int32Array(0) }
  const measure = yardstick(attribute, definition, draft)
  const ranked = draft.values.map((value, i) => ({ value, text: distinct[i]!, place: measure(value) ?? malformed('a value the column can have', { column: attribute.name, row: 1 + texts.indexOf(distinct[i]!) }) }))
    .sort((a, b) => a.place.low - b.place.low || a.place.high - b.place.high || a.place.level - b.place.level)
  const codeOf = new Map(ranked.map(({ text }, code) => [text, code]))
  return { ...draft, values: ranked.map(({ value }) => value), codes: Int32Array.from(texts, (text) => codeOf.get(text)!) }
}

function treeValue({ name, hierarchy }: AttributeDefinition, text: string, level: number | undefined): ReleasedValue {
  if (hierarchy === undefined) return malformed('a hierarchy for this column', { column: name })
  const root = hierarchy.levels.length - 1
  const at = level ?? levelOf(hierarchy, text, name)
  if (at === root) return { kind: 'any' }
  return at === 0 ? { kind: 'exact', text } : { kind: 'node', text, level: at }
}

/** The level at which a label stands; the lowest of a chain of nodes that cover the same leaves. */
function levelOf({ levels }: Hierarchy, text: string, column: string): number {
  if (text === ANY || text === levels.at(-1)!.labels[0]) return levels.length - 1
  const places = levels.flatMap(({ labels, low, high }, level) => {
    const node = labels.indexOf(text)
    return node === -1 ? [] : [{ level, run: `${low[node]!}..${high[node]!}` }]
  })
  if (places.length === 0 || places.some(({ run }) => run !== places[0]!.run)) return malformed(places.length === 0 ? 'labels of the hierarchy' : 'a label that stands for one node', { column })
  return places[0]!.level
}

function orderedValue({ hierarchy, order }: AttributeDefinition, text: string): ReleasedValue {
  if (text === ANY) return { kind: 'any' }
  const known = order?.includes(text) === true || hierarchy?.leafOf.has(text) === true
  const values = known ? [text] : text.split(SET_MARK)
  return values.length === 1 ? { kind: 'exact', text } : { kind: 'set', values }
}

function numericValue(text: string): ReleasedValue {
  const at = text.indexOf(RANGE_MARK)
  return at === -1 ? { kind: 'exact', text } : { kind: 'range', low: text.slice(0, at), high: text.slice(at + RANGE_MARK.length) }
}

function payloadFromTexts({ name, role, type }: AttributeDefinition, claims: ReleaseClaims, texts: readonly string[]): ReleasedPayload {
  const counted = claims.originalCounts[name]
  const scale = type === 'categorical' ? 0 : [...new Set(texts)].reduce((most, text) => Math.max(most, maybePlaces(type, text) ?? malformed(`values of type ${type}`, { column: name })), 0)
  const units = (text: string): number => (type === 'categorical' ? 0 : maybeUnits(type, text, scale) ?? 0)
  const values = counted?.map(([value]) => value) ?? [...new Set(texts)].sort((a, b) => units(a) - units(b) || byCodeUnits(a, b))
  const codeOf = new Map(values.map((value, code) => [value, code]))
  const codes = Int32Array.from(texts, (text, row) => codeOf.get(text) ?? malformed('a value that the original has', { column: name, row: row + 1 }))
  return { name, role: role === 'sensitive' ? 'sensitive' : 'insensitive', type, values, codes, originalCounts: counted && Int32Array.from(counted, ([, count]) => count) }
}
