import type { Hierarchy } from './hierarchy.ts'
import type { Fraction } from './rational.ts'

/** Identifiers are left out, quasi-identifiers generalised, sensitive and insensitive attributes published as they are (ISO/IEC 20889). */
export const ROLES = ['identifier', 'quasi-identifier', 'sensitive', 'insensitive'] as const
export type Role = (typeof ROLES)[number]

/** `integer`: at most 15 digits. `decimal`: at most 15 digits in all. `date`: YYYY-MM-DD. Everything else, postal codes too, is categorical. */
export const TYPES = ['categorical', 'integer', 'decimal', 'date'] as const
export type AttributeType = (typeof TYPES)[number]

export interface AttributeDefinition {
  readonly name: string
  readonly role: Role
  readonly type: AttributeType
  /** Needed by hierarchy Mondrian (categorical columns), Datafly, full-domain search and hierarchical t-closeness. */
  readonly hierarchy?: Hierarchy | undefined
  /** Order of categorical values for strict and relaxed Mondrian. Default: the tree order of the hierarchy, else code-unit order; never the order of rows. */
  readonly order?: readonly string[] | undefined
  /** On an identifier: it names the person. Two rows with the same value are refused. */
  readonly person?: boolean | undefined
  /** Level of the hierarchy to which rows are generalised before they leave their institution (data sets of mode `coded`); 0 or absent: they are not. */
  readonly coded?: number | undefined
}

/** l-diversity (Machanavajjhala et al., ICDE 2006). Recursive (c, l): r1 < c · (r_l + … + r_m). */
export type Diversity =
  | { readonly attribute: string; readonly kind: 'distinct' | 'entropy'; readonly l: Fraction }
  | { readonly attribute: string; readonly kind: 'recursive'; readonly c: Fraction; readonly l: number }

/** t-closeness (Li, Li, Venkatasubramanian, ICDE 2007): earth mover's distance of each class to the whole with equal, ordered or hierarchical ground distance. */
export interface Closeness { readonly attribute: string; readonly distance: 'equal' | 'ordered' | 'hierarchical'; readonly t: Fraction }

/** β-likeness (Cao, Karras, VLDB 2012): (q − p) / p ≤ β, enhanced: ≤ min(β, −ln p), for every value whose share grows. */
export interface Likeness { readonly attribute: string; readonly kind: 'basic' | 'enhanced'; readonly beta: Fraction }

/**
 * Bounds of the share of the subset. `absentClasses`: whether classes without any row of the subset are judged too (`judge`, the default and the definition: with a lower bound above
 * zero nobody may be known to be absent) or passed over, as nothing of them is published (what ARX does whenever a class has a least size besides).
 */
export interface Presence { readonly min: Fraction; readonly max: Fraction; readonly absentClasses?: 'judge' | 'pass' | undefined }

/** What a release has to satisfy. All bounds are inclusive. */
export interface Policy {
  /** Rows per class at least. */
  readonly k: number
  readonly diversity?: readonly Diversity[] | undefined
  readonly closeness?: readonly Closeness[] | undefined
  readonly likeness?: readonly Likeness[] | undefined
  /** δ-presence (Nergiz, Atzori, Clifton, SIGMOD 2007): share of the research subset in every class of the whole table. */
  readonly presence?: Presence | undefined
  /** Rows of the whole table per class at least that a row of the subset may hide among (k-map, Sweeney 2002). Needs a subset. */
  readonly kMap?: number | undefined
  /** Share of rows that may be left out to satisfy the rest. Default none. */
  readonly suppressionLimit?: Fraction | undefined
  /** Upper bounds of re-identification risk: highest prosecutor risk (1 / smallest class), marketer risk (classes / rows). */
  readonly risk?: { readonly prosecutor?: Fraction | undefined; readonly marketer?: Fraction | undefined } | undefined
}

export const METRICS = ['loss', 'entropy', 'discernibility', 'average-class-size'] as const
export type MetricName = (typeof METRICS)[number]

/** `given` keeps the order of rows for relaxed Mondrian, which deals rows with the median value out in order; `canonical`, the default, sorts first, so that the order of rows changes nothing. */
export type Algorithm =
  | { readonly name: 'mondrian'; readonly mode: 'strict' | 'relaxed' | 'hierarchy'; readonly rowOrder?: 'canonical' | 'given' | undefined }
  | { readonly name: 'datafly' }
  /** Along hierarchies alone, so that institutions can grow the tree from sums; each keeps `siteFloor` rows, or none, in every part. */
  | { readonly name: 'joint'; readonly siteFloor: number }
  | { readonly name: 'full-domain'; readonly metric?: MetricName | undefined }

/** Numeric columns (any role but identifier) whose count, sum and sum of squares each class publishes exactly; with products of each pair on request. */
export interface StatisticsRequest { readonly columns: readonly string[]; readonly crossProducts?: boolean | undefined }

/** Cells that mean "unknown", and what to do with their rows. */
export interface MissingCells { readonly markers: readonly string[]; readonly treatment: 'refuse' | 'drop-row' }
export const MISSING_DEFAULT: MissingCells = { markers: ['', '?'], treatment: 'refuse' }

export interface DatasetDefinition {
  /** One per column of the table, in any order; a column without one is refused. */
  readonly attributes: readonly AttributeDefinition[]
  readonly policy: Policy
  readonly algorithm: Algorithm
  readonly statistics?: StatisticsRequest | undefined
  readonly missing?: MissingCells | undefined
}
