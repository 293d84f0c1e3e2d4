import { existsSync } from 'node:fs'
import { rationalToText } from '../../../contracts/anonymization/kernel/index.ts'
import type { AttributeDefinition, MetricName, Policy, Table } from '../../../contracts/anonymization/kernel/index.ts'
import { ClassJudge } from '../../../contracts/anonymization/kernel/class-test.ts'
import { searchOptimum } from '../../../contracts/anonymization/kernel/full-domain-search.ts'
import { NodeJudge } from '../../../contracts/anonymization/kernel/lattice-node.ts'
import { Grouper, baseTuples } from '../../../contracts/anonymization/kernel/lattice.ts'
import type { BaseTuples } from '../../../contracts/anonymization/kernel/lattice.ts'
import { createLoss } from '../../../contracts/anonymization/kernel/node-loss.ts'
import type { LossOptions } from '../../../contracts/anonymization/kernel/node-loss.ts'
import { prepare } from '../../../contracts/anonymization/kernel/prepare.ts'
import type { Prepared } from '../../../contracts/anonymization/kernel/prepare.ts'
import { add, compare, multiply, rational, subtract, toRational } from '../../../contracts/anonymization/kernel/rational.ts'
import type { Rational } from '../../../contracts/anonymization/kernel/rational.ts'
import { arxHierarchy, readArx } from './adult-data.ts'
import { JavaRandom, javaNumber, readConfigs } from './arx-config.ts'
import type { ArxConfig, JavaCall } from './arx-config.ts'
import { fail, notOurs, pass } from './expectation.ts'
import type { Outcome } from './expectation.ts'

export interface ArxCase { readonly file: string; readonly config: string; readonly sensitive: string | null; readonly dataset: string; readonly loss: number; readonly transformation: readonly number[]; readonly practical: boolean }
export interface ArxGolden { readonly cases: readonly ArxCase[] }

export function isArxGolden(document: unknown): document is ArxGolden {
  const cases = (document as { cases?: unknown } | null)?.cases
  return Array.isArray(cases) && cases.every((each: unknown) => typeof each === 'object' && each !== null && 'config' in each && 'transformation' in each)
}

/** How far a loss may lie from the one that ARX prints (which it cuts to ten places per column). */
const TOLERANCE = toRational('0.000000001', 'tolerance')
const HEURISTIC = /Genetic|Heuristic/

type Subset = { readonly flags: Uint8Array; readonly name: string }
interface Wanted { readonly policy: Policy; readonly metric: MetricName; readonly options: LossOptions; readonly subset: Subset | undefined; readonly hasSensitive: boolean }

/** Why a configuration is not ours, or what it asks in our words. */
function translate(config: ArxConfig, subsets: (call: string) => Subset): Wanted | string {
  const policy: { -readonly [Key in keyof Policy]: Policy[Key] } & { k: number } = { k: 1, suppressionLimit: config.suppressionLimit }
  let subset: Subset | undefined
  let hasLeastSize = false
  for (const { name, args } of config.models) {
    const attribute = args[0]?.replaceAll('"', '') ?? ''
    if (name === 'KAnonymity') policy.k = Number(javaNumber(args[0]!))
    else if (name === 'RecursiveCLDiversity') policy.diversity = [...(policy.diversity ?? []), { attribute, kind: 'recursive', c: javaNumber(args[1]!), l: Number(javaNumber(args[2]!)) }]
    else if (name === 'DistinctLDiversity') policy.diversity = [...(policy.diversity ?? []), { attribute, kind: 'distinct', l: javaNumber(args[1]!) }]
    else if (name === 'EntropyLDiversity' && (args[2] === undefined || args[2].endsWith('SHANNON'))) policy.diversity = [...(policy.diversity ?? []), { attribute, kind: 'entropy', l: javaNumber(args[1]!) }]
    else if (name === 'EntropyLDiversity') return `entropy l-diversity with the ${args[2]!.split('.').at(-1)!.toLowerCase()} estimator, which corrects the entropy of a sample`
    else if (/^(Hierarchical|Equal|Ordered)DistanceTCloseness$/.test(name)) policy.closeness = [...(policy.closeness ?? []), { attribute, distance: name.startsWith('H') ? 'hierarchical' : name.startsWith('E') ? 'equal' : 'ordered', t: javaNumber(args[1]!) }]
    else if (name === 'BasicBLikeness' || name === 'EnhancedBLikeness') policy.likeness = [...(policy.likeness ?? []), { attribute, kind: name === 'BasicBLikeness' ? 'basic' : 'enhanced', beta: javaNumber(args[1]!) }]
    else if (name === 'DPresence') {
      policy.presence = { min: javaNumber(args[0]!), max: javaNumber(args[1]!) }
      subset = subsets(args[2]!)
    } else if (name === 'Inclusion') subset = subsets(args[0]!)
    else if (name === 'KMap' && args.length === 2) {
      policy.kMap = Number(javaNumber(args[0]!))
      subset = subsets(args[1]!)
    } else return `${name}: no model of ours`
    hasLeastSize ||= name === 'KAnonymity' || name.endsWith('LDiversity')
  }
  // ARX looks at the least class size first and then passes over classes without rows of the subset.
  if (policy.presence !== undefined && hasLeastSize) policy.presence = { ...policy.presence, absentClasses: 'pass' }
  const metric = translateMetric(config.metric)
  if (typeof metric === 'string') return metric
  const hasSensitive = (policy.diversity ?? policy.closeness ?? policy.likeness) !== undefined
  return { policy, ...metric, subset, hasSensitive }
}

function translateMetric({ name, args }: JavaCall): { metric: MetricName; options: LossOptions } | string {
  if (name === 'createPrecomputedEntropyMetric') return { metric: 'entropy', options: { countsSuppression: args[1] !== 'true' } }
  if (name === 'createLossMetric') return { metric: 'loss', options: { factor: args[0] === undefined ? '1/2' : javaNumber(args[0]) } }
  if (name === 'createPrecomputedLossMetric') return { metric: 'loss', options: {} }
  if (name === 'createAECSMetric') return { metric: 'average-class-size', options: {} }
  return `${name}: no metric of ours`
}

/** Prepared tables and groupings by what they depend on, so that a hundred cases do not group the same nodes again. */
export class ArxSuite {
  private readonly folder: string
  private readonly table: Table
  private readonly bases = new Map<string, { prepared: Prepared; base: BaseTuples; grouper: Grouper }>()
  private readonly subsets = new Map<string, Subset>()

  constructor(folder: string) {
    this.folder = folder
    this.table = readArx(`${folder}/arx_adult.csv`)
  }

  /** The rows of another file, each matched with a row of the table that nobody was matched with before; or a seeded choice. */
  private subset(call: string): Subset {
    const name = /getSubset\((\d+)\)/.exec(call)?.[1] ?? 'file'
    const known = this.subsets.get(name)
    if (known !== undefined) return known
    const flags = new Uint8Array(this.table.rowCount)
    if (name === 'file') this.matchFile(flags)
    else {
      const [random, size] = [new JavaRandom(0xdeadbeef | 0), Number(name)]
      for (let i = 0; i < size; i++) flags[random.nextInt(size)] = 1
    }
    const subset = { flags, name }
    this.subsets.set(name, subset)
    return subset
  }

  private matchFile(flags: Uint8Array): void {
    const text = (table: Table, row: number): string => table.columns.map(({ values, codes }) => values[codes[row]!]!).join(';')
    const rows = new Map<string, number[]>()
    for (let row = this.table.rowCount - 1; row >= 0; row--) rows.set(text(this.table, row), [...(rows.get(text(this.table, row)) ?? []), row])
    const part = readArx(`${this.folder}/arx_adult_subset.csv`)
    for (let row = 0; row < part.rowCount; row++) {
      const match = rows.get(text(part, row))?.pop()
      if (match === undefined) throw new RangeError('the subset holds a row that the table does not')
      flags[match] = 1
    }
  }

  private attributes(sensitive: string | null, isSensitive: boolean): AttributeDefinition[] {
    return this.table.columns.map(({ name }): AttributeDefinition => ({ name, type: 'categorical', hierarchy: existsSync(`${this.folder}/arx_adult_hierarchy_${name}.csv`) ? arxHierarchy(this.folder, name) : undefined, role: name !== sensitive ? 'quasi-identifier' : isSensitive ? 'sensitive' : 'identifier' }))
  }

  private prepared(sensitive: string | null, { subset, hasSensitive }: Wanted): { prepared: Prepared; base: BaseTuples; grouper: Grouper } {
    const key = `${sensitive} ${hasSensitive} ${subset?.name}`
    const known = this.bases.get(key)
    if (known !== undefined) return known
    const prepared = prepare(this.table, { attributes: this.attributes(sensitive, hasSensitive), policy: { k: 1 }, algorithm: { name: 'full-domain' } })
    const base = baseTuples(prepared, subset?.flags)
    const made = { prepared, base, grouper: new Grouper(base) }
    this.bases.set(key, made)
    return made
  }

  *check(name: string, index: number, each: ArxCase): Generator<Outcome, void, undefined> {
    const configs = readConfigs(each.config)
    for (const [i, { config, expectsNone }] of configs.entries()) {
      const id = `${name} ${index + 1}${configs.length > 1 ? `.${i + 1}` : ''} ${each.file.replace(/^TestAnonymization|\.java$/g, '')} ${describe(config)}`
      const wanted = translate(config, (call) => this.subset(call))
      if (typeof wanted === 'string') yield notOurs(id, wanted)
      else if (i + 1 < configs.length) yield expectsNone ? this.checkNone(id, each, wanted) : notOurs(id, 'the extraction lost what it expects')
      else yield HEURISTIC.test(each.file) ? this.checkHeuristic(id, each, wanted) : this.checkOptimum(id, each, wanted)
    }
  }

  private judge(each: ArxCase, wanted: Wanted) {
    const { prepared, base, grouper } = this.prepared(each.sensitive, wanted)
    const judge = new NodeJudge(base, grouper, new ClassJudge(wanted.policy, prepared.payload, wanted.subset?.flags), wanted.policy.suppressionLimit)
    return { judge, loss: createLoss(wanted.metric, base, wanted.options), dimensions: base.columns.length }
  }

  private search(each: ArxCase, wanted: Wanted) {
    const made = this.judge(each, wanted)
    return { ...made, found: searchOptimum(made.judge, made.loss) }
  }

  private checkNone(id: string, each: ArxCase, wanted: Wanted): Outcome {
    const { found } = this.search(each, wanted)
    return found === undefined ? pass(id, 'no solution, as expected') : fail(id, `expected no solution, found [${found.levels.join(', ')}]`)
  }

  /** The node that ARX names satisfies the policy, costs what ARX says, and our own search finds none that costs less or, if it ties, the same. */
  private checkOptimum(id: string, each: ArxCase, wanted: Wanted): Outcome {
    const { judge, loss, found, dimensions } = this.search(each, wanted)
    const verdict = judge.judgeNode(each.transformation)
    const named = `[${each.transformation.join(', ')}]`
    if (!verdict.valid) return fail(id, `${named} does not satisfy the policy: ${verdict.suppressed} rows to suppress, ${judge.limitRows} allowed`)
    const score = loss.scoreOf(each.transformation, verdict)
    if (!isNear(score, each.loss, wanted.metric, dimensions)) return fail(id, `${named} costs ${show(score, wanted.metric, dimensions)}, expected ${each.loss}`)
    if (found === undefined) return fail(id, 'our search finds nothing')
    if (!isNear(found.score, each.loss, wanted.metric, dimensions)) return fail(id, `our optimum [${found.levels.join(', ')}] costs ${show(found.score, wanted.metric, dimensions)}, expected ${each.loss}`)
    return pass(id, `${named} ${show(score, wanted.metric, dimensions)}, ${found.checked} nodes grouped`)
  }

  /** ARX's heuristic searches stop where they happen to be; no optimum is asserted. What can be said is that their node is valid and what it costs. */
  private checkHeuristic(id: string, each: ArxCase, wanted: Wanted): Outcome {
    const { judge, loss, dimensions } = this.judge(each, wanted)
    const verdict = judge.judgeNode(each.transformation)
    const score = loss.scoreOf(each.transformation, verdict)
    if (!verdict.valid || !isNear(score, each.loss, wanted.metric, dimensions)) return fail(id, `the node that ARX found costs ${show(score, wanted.metric, dimensions)}, expected ${each.loss}`)
    return notOurs(id, 'heuristic search: where it stops is a matter of steps, not of an optimum; its node satisfies the policy and costs what is expected')
  }
}

const describe = ({ models, metric, suppressionLimit }: ArxConfig): string => `${models.map(({ name, args }) => `${name}(${args.filter((arg) => /^[\d.]+d?$/.test(arg)).join(', ')})`).join(' + ')}, ${metric.name.replace(/^create|Metric$/g, '')}, ${suppressionLimit}`

/** Scores of the loss metric are products of 1 + loss, of which ARX prints the geometric mean − 1. */
function isNear(score: Rational, expected: number, metric: MetricName, dimensions: number): boolean {
  const text = toRational(expected.toString(), 'loss')
  if (metric !== 'loss') return compare(score, subtract(text, TOLERANCE)) >= 0 && compare(score, add(text, TOLERANCE)) <= 0
  const power = (base: Rational): Rational => Array.from({ length: dimensions }).reduce<Rational>((product) => multiply(product, base), rational(1))
  const one = rational(1)
  return compare(score, power(add(one, subtract(text, TOLERANCE)))) >= 0 && compare(score, power(add(one, add(text, TOLERANCE)))) <= 0
}

function show(score: Rational, metric: MetricName, dimensions: number): string {
  const number = Number(rationalToText(score, 14))
  return metric === 'loss' ? String(number ** (1 / dimensions) - 1) : rationalToText(score, 10)
}
