import { SteleError } from '../../primitives/error.ts'
import type { Algorithm, MissingCells, Policy } from '../../contracts/anonymization/kernel/index.ts'
import type { AttributeSpec, PartialSpec, ReleaseSpec } from './spec.ts'

/** What the command line says about a release; each replaces what a definition file says. */
export interface SpecOptions {
  readonly k?: number
  readonly l?: string
  readonly t?: string
  readonly beta?: string
  readonly qi?: readonly string[]
  readonly sensitive?: readonly string[]
  readonly keep?: readonly string[]
  readonly identifier?: readonly string[]
  readonly person?: string
  readonly algorithm?: 'hierarchy' | 'strict' | 'relaxed' | 'datafly' | 'full-domain'
  readonly suppression?: string
  readonly missing?: 'refuse' | 'drop-row'
  readonly missingMarkers?: readonly string[]
  readonly statistics?: readonly string[]
  readonly columns?: readonly string[]
  readonly delimiter?: string
}

const EMPTY: PartialSpec = { attributes: [], policy: {} }

/**
 * Joins a definition file and options. k and at least one quasi-identifier must come from one of them. `--l` and `--t` hold for every sensitive
 * attribute. Throws `DEFINITION_INVALID` naming what is missing.
 */
export function specFrom(file: PartialSpec | undefined, options: SpecOptions): ReleaseSpec {
  const base = file ?? EMPTY
  const attributes = mergeAttributes(base.attributes, options)
  const sensitive = attributes.filter(({ role }) => role === 'sensitive').map(({ name }) => name)
  if (!attributes.some(({ role }) => role === 'quasi-identifier')) throw missing('--qi', 'name the columns that others may know about a person, such as --qi age,sex,zip')
  if ((options.l ?? options.t ?? options.beta) !== undefined && sensitive.length === 0) throw missing('--sensitive', '--l, --t and --beta protect sensitive columns; name them')
  const k = options.k ?? base.policy.k
  if (k === undefined) throw missing('--k', 'how many people every published combination fits at least, for instance --k 10')
  const policy: Policy = {
    ...base.policy, k,
    ...(options.l !== undefined && { diversity: sensitive.map((attribute) => ({ attribute, kind: 'distinct' as const, l: options.l! })) }),
    ...(options.t !== undefined && { closeness: sensitive.map((attribute) => ({ attribute, distance: 'equal' as const, t: options.t! })) }),
    ...(options.beta !== undefined && { likeness: sensitive.map((attribute) => ({ attribute, kind: 'basic' as const, beta: options.beta! })) }),
    ...(options.suppression !== undefined && { suppressionLimit: options.suppression }),
  }
  const missingCells = missingFrom(base.missing, options)
  const statistics = options.statistics === undefined ? base.statistics : { columns: options.statistics, crossProducts: true }
  const columns = options.columns ?? base.columns
  const delimiter = options.delimiter ?? base.delimiter
  return {
    attributes, policy, algorithm: options.algorithm === undefined ? base.algorithm ?? ALGORITHMS.hierarchy : ALGORITHMS[options.algorithm],
    ...(missingCells && { missing: missingCells }), ...(statistics && { statistics }), ...(columns && { columns }), ...(delimiter !== undefined && { delimiter }),
  }
}

const ALGORITHMS: Readonly<Record<NonNullable<SpecOptions['algorithm']>, Algorithm>> = {
  hierarchy: { name: 'mondrian', mode: 'hierarchy' }, strict: { name: 'mondrian', mode: 'strict' }, relaxed: { name: 'mondrian', mode: 'relaxed' }, datafly: { name: 'datafly' }, 'full-domain': { name: 'full-domain', metric: 'loss' },
}

const missing = (option: string, rule: string): SteleError => new SteleError({ code: 'DEFINITION_INVALID', message: 'the release is not fully defined', details: { option, rule } })

function missingFrom(base: MissingCells | undefined, { missing: treatment, missingMarkers: markers }: SpecOptions): MissingCells | undefined {
  if (treatment === undefined && markers === undefined) return base
  return { markers: markers ?? base?.markers ?? ['', '?'], treatment: treatment ?? base?.treatment ?? 'refuse' }
}

function mergeAttributes(base: readonly AttributeSpec[], { qi = [], sensitive = [], keep = [], identifier = [], person }: SpecOptions): AttributeSpec[] {
  const merged = new Map(base.map((attribute) => [attribute.name, attribute]))
  const named = new Set<string>()
  const set = (names: readonly string[], role: AttributeSpec['role'], more: Partial<AttributeSpec> = {}): void => {
    for (const name of names) {
      if (named.has(name)) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'one column has two roles', details: { column: name, rule: 'a column stands in one of --qi, --sensitive, --keep, --identifier, --person' } })
      named.add(name)
      merged.set(name, { hierarchy: { kind: 'auto' }, ...merged.get(name), name, role, ...more })
    }
  }
  set(qi, 'quasi-identifier')
  set(sensitive, 'sensitive')
  set(keep, 'insensitive')
  set(identifier, 'identifier')
  if (person !== undefined) set([person], 'identifier', { person: true })
  return [...merged.values()]
}
