// Goal: the README of a contract names what the contract has. Method: every call, code, event and table key must occur in it.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { EVENTS } from '../../primitives/calls/index.ts'
import { builtInRegistry } from '../../contracts/index.ts'
import * as anonymizationTables from '../../contracts/anonymization/tables.ts'
import * as consentTables from '../../contracts/consent/tables.ts'
import * as identityTables from '../../contracts/identity/accounts.ts'
import * as membershipTables from '../../contracts/membership/tables.ts'
import * as recordsTables from '../../contracts/records/tables.ts'
import { replayMinutes } from '../../contracts/runtime/tables.ts'

const folder = resolve(import.meta.dirname, '../../contracts')
const readme = (...path: string[]): string => readFileSync(join(folder, ...path, 'README.md'), 'utf8')
const isTable = (value: unknown): value is { readonly id: number, readonly name: string } => typeof value === 'object' && value !== null && 'keyOf' in value && 'id' in value
const prefixOf = (id: number): string => [id >> 8, id & 0xff].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')

t.test('every call, code and event of a contract stands in its README', async (t) => {
  for (const { contract } of builtInRegistry().all()) {
    const text = readme(contract.name)
    const words = [...Object.keys(contract.calls), ...Object.keys(contract.codes), ...Object.keys(EVENTS[contract.name as keyof typeof EVENTS])]
    t.same(words.filter((word) => !text.includes(`\`${word}\``)), [], contract.name)
  }
})

t.test('every table\'s key prefix stands in the README, and no two tables share one', async (t) => {
  const seen = new Map<number, string>([[replayMinutes.id, 'runtime']])
  t.ok(readme().includes(`\`${prefixOf(replayMinutes.id)}\``))
  for (const [name, tables] of Object.entries({ membership: membershipTables, identity: identityTables, consent: consentTables, records: recordsTables, anonymization: anonymizationTables })) {
    const text = readme(name)
    for (const table of Object.values(tables).filter(isTable)) {
      t.ok(text.includes(`\`${prefixOf(table.id)}\``), `${name}.${table.name}`)
      t.notOk(seen.has(table.id), `${prefixOf(table.id)} is used once`)
      seen.set(table.id, table.name)
    }
  }
})
