import { anonymize } from './anonymize.ts'
import type { DatasetDefinition } from './definition.ts'
import { LOG_PLACES, log2Fixed } from './fixed-logarithm.ts'
import { rational } from './rational.ts'
import type { Rational } from './rational.ts'
import { refuse } from './refuse.ts'
import type { Release } from './release.ts'
import type { Table } from './table.ts'
import { SeededChoice } from './query-error.ts'

/** How often a classifier guesses the target: trained and tested on original values, on released ones, and always guessing the most frequent. */
export interface ClassifierAccuracy { readonly original: Rational; readonly released: Rational; readonly baseline: Rational; readonly tested: number }

/** One row's features (a rank per column) and target. */
interface Examples { readonly features: readonly Int32Array[]; readonly sizes: readonly number[]; readonly target: Int32Array; readonly targets: number }

/** One of this many rows is kept for testing. */
const FOLDS = 3

/**
 * Naive Bayes with add-one smoothing over the quasi-identifiers, logarithms in fixed point, so that everybody gets the same accuracy (Mitchell, Machine Learning, §6.9). The target is a sensitive or
 * insensitive column; two thirds of the rows train, the rest, chosen by the seed, test. Suppressed rows take part in
 * the original only. Computed by whoever holds the original.
 */
export function classifierAccuracy(table: Table, definition: DatasetDefinition, released: Release, options: { readonly target: string; readonly seed: Uint8Array }): ClassifierAccuracy {
  const target = definition.attributes.find(({ name }) => name === options.target)
  if (target === undefined || (target.role !== 'sensitive' && target.role !== 'insensitive')) refuse('ANONYMIZATION_COLUMN_MISSING', { column: options.target, rule: 'the target is published as it is' })
  // With k = 1 strict Mondrian cuts until nothing is generalised.
  const original = anonymize(table, { ...definition, policy: { k: 1 }, algorithm: { name: 'mondrian', mode: 'strict' }, statistics: undefined })
  const [before, after] = [examples(original, options.target), examples(released, options.target)]
  const counts = new Int32Array(before.targets)
  for (const each of before.target) counts[each]!++
  const tested = testRows(before.target.length, options.seed)
  const testedAfter = testRows(after.target.length, options.seed)
  return { original: accuracy(before, tested), released: accuracy(after, testedAfter), baseline: rational(Math.max(0, ...counts), Math.max(1, before.target.length)), tested: tested.reduce((sum, flag) => sum + flag, 0) }
}

function examples({ quasi, payload, classSizes, rowCount }: Release, name: string): Examples {
  const classOf = new Int32Array(rowCount)
  for (let index = 0, row = 0; index < classSizes.length; index++) for (const end = row + classSizes[index]!; row < end; row++) classOf[row] = index
  const target = payload.find((column) => column.name === name) ?? refuse('ANONYMIZATION_RELEASE_MALFORMED', { column: name, rule: 'the target is in the release' })
  return { features: quasi.map(({ codes }) => classOf.map((index) => codes[index]!)), sizes: quasi.map(({ values }) => values.length), target: target.codes, targets: target.values.length }
}

function testRows(rowCount: number, seed: Uint8Array): Uint8Array {
  const choice = new SeededChoice(seed)
  return Uint8Array.from({ length: rowCount }, () => (choice.below(FOLDS) === 0 ? 1 : 0))
}

/** Logarithms as numbers of 2^−40 bits: sums over a thousand columns stay exact. */
const log = (count: number): number => Number(log2Fixed(count) >> (LOG_PLACES - 40n))

function accuracy({ features, sizes, target, targets }: Examples, tested: Uint8Array): Rational {
  const prior = new Int32Array(targets)
  const counts = features.map((_, q) => new Int32Array(sizes[q]! * targets))
  for (let row = 0; row < target.length; row++) {
    if (tested[row] === 1) continue
    prior[target[row]!]!++
    for (const [q, codes] of features.entries()) counts[q]![codes[row]! * targets + target[row]!]!++
  }
  const weights = counts.map((table) => Array.from(table, (count) => log(count + 1)))
  const norms = features.map((_, q) => Array.from(prior, (count) => log(count + sizes[q]!)))
  const base = Array.from(prior, (count) => log(count + 1))
  let [right, total] = [0, 0]
  for (let row = 0; row < target.length; row++) {
    if (tested[row] === 0) continue
    let [best, score] = [0, -Infinity]
    for (let guess = 0; guess < targets; guess++) {
      let sum = base[guess]!
      for (let q = 0; q < features.length; q++) sum += weights[q]![features[q]![row]! * targets + guess]! - norms[q]![guess]!
      if (sum > score) [best, score] = [guess, sum]
    }
    total++
    if (best === target[row]) right++
  }
  return rational(right, Math.max(1, total))
}
