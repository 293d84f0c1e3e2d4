import { anonymize, flatHierarchy, intervalHierarchy, tableFromColumns } from '../../contracts/anonymization/kernel/index.ts'
import type { Algorithm, DatasetDefinition, Policy, Release } from '../../contracts/anonymization/kernel/index.ts'
import { classesOfRows } from '../../contracts/anonymization/kernel/index.ts'
import { chooser } from '../helpers/choose.ts'

export const COLUMNS = ['age', 'sex', 'disease'] as const
const DISEASES = ['flu', 'asthma', 'diabetes', 'heart', 'hiv'] as const
const AGES = Array.from({ length: 96 }, (_, age) => String(age))

/** People as an attacker's target list: quasi-identifiers are known, the disease is not. Diseases go with age, as they do; `hiv` is rare and lies together. */
export function population(size: number, seed = 7): string[][] {
  const choose = chooser(seed)
  return Array.from({ length: size }, () => {
    const age = 16 + choose(64)
    const sex = choose(2) === 0 ? 'f' : 'm'
    const common = DISEASES[Math.min(3, Math.floor((age - 16) / 16))]!
    const disease = age >= 30 && age < 34 && choose(2) === 0 ? 'hiv' : choose(10) < 8 ? common : DISEASES[choose(4)]!
    return [String(age), sex, disease]
  })
}

/** A definition over those columns: strict Mondrian, or one code book for all with ages in spans of `widths`. */
export function definitionOf(policy: Policy, { algorithm = { name: 'mondrian', mode: 'strict' }, widths = [4, 8, 16, 32] }: { algorithm?: Algorithm; widths?: readonly number[] } = {}): DatasetDefinition {
  return {
    attributes: [
      { name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: intervalHierarchy('age', AGES, widths) }, { name: 'sex', role: 'quasi-identifier', type: 'categorical', hierarchy: flatHierarchy('sex', ['f', 'm']) },
      { name: 'disease', role: 'sensitive', type: 'categorical' },
    ],
    policy, algorithm,
  }
}

export interface Attacked { readonly release: Release; readonly definition: DatasetDefinition; readonly classOf: Int32Array; readonly valuesOf: (classIndex: number) => string[] }

/** Releases people and puts every one into the class that anybody who knows age and sex puts them into. */
export function released(people: readonly (readonly string[])[], definition: DatasetDefinition): Attacked {
  const release = anonymize(tableFromColumns(COLUMNS.map((name, column) => ({ name, cells: people.map((row) => row[column]!) }))), definition)
  const classOf = classesOfRows(release, definition, COLUMNS, people)
  const [disease] = release.payload
  const starts = [...release.classSizes].reduce<number[]>((all, size) => [...all, all.at(-1)! + size], [0])
  return { release, definition, classOf, valuesOf: (index) => Array.from({ length: release.classSizes[index]! }, (_, i) => disease!.values[disease!.codes[starts[index]! + i]!]!) }
}
