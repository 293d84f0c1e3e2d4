import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TableBuilder, columnOf, parseHierarchy } from '../../../contracts/anonymization/kernel/index.ts'
import type { AttributeDefinition, Hierarchy, Table } from '../../../contracts/anonymization/kernel/index.ts'

/** Columns of UCI Adult, in the order of the file. */
const NAMES = ['age', 'workclass', 'fnlwgt', 'education', 'education_num', 'marital_status', 'occupation', 'relationship', 'race', 'sex', 'capital_gain', 'capital_loss', 'hours_per_week', 'native_country', 'class']
const NUMBERS = ['age', 'fnlwgt', 'education_num', 'capital_gain', 'capital_loss', 'hours_per_week']

/** adult.data without the rows that hold a `?`, as the reference programs read it. */
export function readAdult(folder: string): Table {
  const builder = new TableBuilder(NAMES)
  for (const line of readFileSync(join(folder, 'adult.data'), 'utf8').split('\n')) if (line.trim() !== '' && !line.includes('?')) builder.addRow(line.replaceAll(/\s/g, '').split(','))
  return builder.build()
}

/** The quasi-identifiers at the given columns: numbers as such, categories in order of first appearance, with Gong's hierarchies where they lie in the folder. */
export function adultAttributes(folder: string, table: Table, quasi: readonly number[]): AttributeDefinition[] {
  return NAMES.map((name, i): AttributeDefinition => {
    const isNumber = NUMBERS.includes(name)
    const role = quasi.includes(i) ? 'quasi-identifier' : name === 'class' ? 'sensitive' : 'identifier'
    return { name, role, type: isNumber ? 'integer' : 'categorical', order: isNumber ? undefined : columnOf(table, name)!.values, hierarchy: isNumber ? undefined : gongHierarchy(folder, name) }
  })
}

function gongHierarchy(folder: string, name: string): Hierarchy | undefined {
  const path = join(folder, `gong_adult_${name}.txt`)
  return existsSync(path) ? parseHierarchy(name, readFileSync(path, 'utf8'), 'repeat-leaf') : undefined
}

/** A table of ARX: semicolons, CRLF, no quotes. */
export function readArx(path: string): Table {
  const [header, ...rows] = readFileSync(path, 'utf8').split(/\r?\n/).filter((line) => line !== '')
  const builder = new TableBuilder(header!.split(';'))
  for (const row of rows) builder.addRow(row.split(';'))
  return builder.build()
}

/** ARX's hierarchy of a column of arx_adult.csv. */
export function arxHierarchy(folder: string, name: string): Hierarchy {
  return parseHierarchy(name, readFileSync(join(folder, `arx_adult_hierarchy_${name}.csv`), 'utf8'))
}
