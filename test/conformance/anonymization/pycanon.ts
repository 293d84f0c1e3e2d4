import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { TableBuilder, columnOf, rationalToText } from '../../../contracts/anonymization/kernel/index.ts'
import type { Rational, Table } from '../../../contracts/anonymization/kernel/index.ts'
import { equalDistance, orderedDistance } from '../../../contracts/anonymization/kernel/closeness.ts'
import { distinctDiversity, wholeEntropyDiversity } from '../../../contracts/anonymization/kernel/diversity.ts'
import { LOG_PLACES, minusLnFixed } from '../../../contracts/anonymization/kernel/fixed-logarithm.ts'
import { sensitiveColumn } from '../../../contracts/anonymization/kernel/class-test.ts'
import { codePayload } from '../../../contracts/anonymization/kernel/coding.ts'
import { Histogram } from '../../../contracts/anonymization/kernel/histogram.ts'
import { disclosure, likenessGain } from '../../../contracts/anonymization/kernel/likeness.ts'
import { compare, maximum, rational } from '../../../contracts/anonymization/kernel/rational.ts'
import { fail, notOurs, pass } from './expectation.ts'
import type { Outcome } from './expectation.ts'

/** A CSV with quoted fields, as pandas writes them. */
function readCsv(path: string): Table {
  const rows = readFileSync(path, 'utf8').split(/\r?\n/).filter((line) => line !== '').map((line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? ''))
  const builder = new TableBuilder(rows[0]!)
  for (const row of rows.slice(1)) builder.addRow(row)
  return builder.build()
}

/** Histograms of one sensitive column, class by class. */
function classesOf(table: Table, quasi: readonly string[], sensitive: string): { histograms: Histogram[]; isNumeric: boolean; sizes: number[] } {
  const column = columnOf(table, sensitive)!
  const isNumeric = column.values.every((value) => /^-?\d+(\.\d+)?$/.test(value))
  const coded = sensitiveColumn(codePayload({ name: sensitive, role: 'sensitive', type: isNumeric ? 'decimal' : 'categorical' }, column, undefined))
  const classes = new Map<string, number[]>()
  const columns = quasi.map((name) => columnOf(table, name)!)
  for (let row = 0; row < table.rowCount; row++) {
    const key = columns.map(({ codes }) => codes[row]!).join()
    const rows = classes.get(key)
    if (rows === undefined) classes.set(key, [row])
    else rows.push(row)
  }
  const histograms = [...classes.values()].map((rows) => {
    const histogram = new Histogram(coded)
    for (const row of rows) histogram.addRow(row)
    return histogram
  })
  return { histograms, isNumeric, sizes: [...classes.values()].map((rows) => rows.length) }
}

const worst = (histograms: readonly Histogram[], measure: (histogram: Histogram) => Rational, pick: (a: Rational, b: Rational) => Rational): Rational => histograms.map(measure).reduce(pick)
const minimum = (a: Rational, b: Rational): Rational => (compare(a, b) <= 0 ? a : b)

/**
 * c of pyCANON: ⌊r / Σ + 1⌋ with frequencies *ascending*, so that r is the rarest, where definition 4.3 takes the most frequent. Reproduced to compare with what it asserts; our own model
 * follows the definition.
 */
function ascendingC({ column, counts, touched, distinct }: Histogram, l: number): Rational {
  const frequencies = Int32Array.from({ length: distinct }, (_, i) => counts[touched[i]!]!).sort()
  const tail = frequencies.slice(l - 1).reduce((sum, count) => sum + count, 0)
  return rational(Math.floor(frequencies[0]! / tail) + 1, column.total === 0 ? 1 : 1)
}

/** What a function of pyCANON returns, in its own text form; undefined for what we have no measure of. */
function evaluate(name: string, table: Table, quasi: readonly string[], sensitive: string): string | undefined {
  const { histograms, isNumeric, sizes } = classesOf(table, quasi, sensitive)
  const show = (value: Rational): string => rationalToText(value, 14)
  switch (name) {
    case 'k_anonymity': return String(Math.min(...sizes))
    case 'l_diversity': return rationalToText(worst(histograms, distinctDiversity, minimum), 0)
    case 'entropy_l_diversity': return rationalToText(worst(histograms, wholeEntropyDiversity, minimum), 0)
    case 'recursive_c_l_diversity': {
      const l = Number(worst(histograms, distinctDiversity, minimum).num)
      return `(${l <= 1 ? 'nan' : rationalToText(worst(histograms, (histogram) => ascendingC(histogram, l), maximum), 0)}, ${l})`
    }
    case 'basic_beta_likeness': return show(worst(histograms, likenessGain, maximum))
    case 'enhanced_beta_likeness': {
      const { totals, total } = histograms[0]!.column
      const rarest = totals.reduce((least, count) => Math.min(least, count))
      return show(minimum(worst(histograms, likenessGain, maximum), rational(minusLnFixed(rarest, total), 1n << LOG_PLACES)))
    }
    case 'delta_disclosure': return show(worst(histograms, disclosure, maximum))
    case 't_closeness': return show(worst(histograms, isNumeric ? orderedDistance : equalDistance, maximum))
    default: return undefined
  }
}

interface Assertion { readonly name: string; readonly expected: string; readonly relation: '==' | '<='; readonly call: string; readonly file: string; readonly quasi: readonly string[]; readonly sensitive: string }

const strings = (text: string): string[] => [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1]!)

/** `assert VALUE == anonymity.f(self.data, self.qi, self.sa)` in all its forms, with what the class above it says about files and columns. */
function* readAssertions(text: string): Generator<Assertion, void, undefined> {
  for (const block of text.split(/^class /m).slice(1)) {
    const [quasi, sensitive] = [strings(/\bqi = (\[[^\]]*\])/.exec(block)?.[1] ?? ''), strings(/\bsa = (\[[^\]]*\])/.exec(block)?.[1] ?? '')]
    const files = new Map([...block.matchAll(/(file_name\w*) = "([^"]*)"/g)].map((match) => [match[1]!, match[2]!]))
    const data = new Map([...block.matchAll(/(data\w*) = aux_functions\.read_file\((?:self\.)?(file_name\w*)\)/g)].map((match) => [match[1]!, files.get(match[2]!) ?? '']))
    for (const match of block.matchAll(/assert (\([^)]*\)|[\w.]+) (==|<=) (?:pytest\.approx\(\s*)?anonymity\.(\w+)\(\s*self\.(\w+)([^)]*)/g)) {
      yield { expected: match[1]!.replaceAll('np.nan', 'nan'), relation: match[2] as '==' | '<=', name: match[3]!, call: match[0].replaceAll(/\s+/g, ' ').slice(7), file: data.get(match[4]!) ?? '', quasi, sensitive: sensitive[0] ?? '' }
    }
  }
}

/** Whether two texts are equal, or numbers within 10^−9 of each other. */
const agrees = (expected: string, actual: string): boolean => expected === actual || (/^[\d.]+$/.test(expected) && Math.abs(Number(expected) - Number(actual)) <= 1e-9)

/** The values that pyCANON's own tests assert, wherever the file they speak of lies in the folder. */
export function* checkPycanon(folder: string, script: string): Generator<Outcome, void, undefined> {
  for (const { name, expected, relation, call, file, quasi, sensitive } of readAssertions(readFileSync(join(folder, script), 'utf8'))) {
    const id = `${script} ${basename(file)} ${name} ${relation === '==' ? '=' : '≥'} ${expected}`
    const path = join(folder, basename(file))
    if (file === '' || !existsSync(path)) yield notOurs(id, `the file ${basename(file) || 'it reads'} is not in the folder`)
    else {
      const actual = evaluate(name, readCsv(path), quasi, sensitive)
      if (actual === undefined) yield notOurs(id, `${name}: no model of ours`)
      else if (relation === '==' ? agrees(expected, actual) : Number(expected) <= Number(actual)) yield pass(id, actual)
      else yield fail(id, `${call}: got ${actual}`)
    }
  }
}
