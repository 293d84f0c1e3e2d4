/** Makes one release of each kind from a table drawn from a fixed seed and prints their hashes: run under several versions of Node, time zones and locales by everywhere.test.ts. */
import { anonymize, dateHierarchy, intervalHierarchy, parseHierarchy, releaseHash, tableFromColumns } from '../../../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition } from '../../../../contracts/anonymization/kernel/index.ts'

/** Names whose order, case and composition differ between locales. */
const CITIES = ['Ängelholm', 'Zürich', 'Ålesund', 'İzmir', 'Izmir', 'izmir', 'Łódź', 'Çorum', 'München']
let state = 20_240_101
const draw = (below: number): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % below
const pad = (n: number): string => String(n).padStart(2, '0')
const rows = Array.from({ length: 600 }, () => ({ age: String(18 + draw(60)), born: `19${pad(30 + draw(70))}-${pad(1 + draw(12))}-${pad(1 + draw(28))}`, city: CITIES[draw(CITIES.length)]!, illness: ['A', 'B', 'C', 'D', 'E'][draw(5)]!, dose: `${draw(90)}.${draw(10)}` }))
const cells = (name: keyof (typeof rows)[number]): string[] => rows.map((row) => row[name])
const table = tableFromColumns((['age', 'born', 'city', 'illness', 'dose'] as const).map((name) => ({ name, cells: cells(name) })))
const city = parseHierarchy('city', CITIES.map((name, i) => `${name};${i % 3 === 0 ? 'north' : 'south'};*`).join('\n'))

function definition(algorithm: DatasetDefinition['algorithm']): DatasetDefinition {
  const isTree = algorithm.name !== 'mondrian'
  return {
    attributes: [
      { name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: isTree ? intervalHierarchy('age', cells('age'), [5, 10, 20]) : undefined },
      { name: 'born', role: 'quasi-identifier', type: 'date', hierarchy: isTree ? dateHierarchy('born', cells('born')) : undefined },
      { name: 'city', role: 'quasi-identifier', type: 'categorical', hierarchy: algorithm.name === 'mondrian' && algorithm.mode === 'strict' ? undefined : city },
      { name: 'illness', role: 'sensitive', type: 'categorical' }, { name: 'dose', role: 'insensitive', type: 'decimal' },
    ],
    policy: { k: 5, diversity: [{ attribute: 'illness', kind: 'entropy', l: '2' }], likeness: [{ attribute: 'illness', kind: 'enhanced', beta: '4' }], suppressionLimit: '0.1' },
    algorithm, statistics: { columns: ['age', 'dose'], crossProducts: true },
  }
}

const ALGORITHMS: readonly DatasetDefinition['algorithm'][] = [{ name: 'mondrian', mode: 'strict' }, { name: 'mondrian', mode: 'relaxed' }, { name: 'mondrian', mode: 'hierarchy' }, { name: 'datafly' }, { name: 'full-domain', metric: 'entropy' }, { name: 'full-domain', metric: 'loss' }]
console.log(ALGORITHMS.map((algorithm) => releaseHash(anonymize(table, definition(algorithm)))).join('\n'))
