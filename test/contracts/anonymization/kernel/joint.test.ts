/** Goal: institutions that add up counts make the release that the union would give, and no count that others could infer is below the floor. Method: random tables against two plain algorithms. */
import fc from 'fast-check'
import t from 'tap'
import { anonymize, checkRelease, flatHierarchy, intervalHierarchy, JointContribution, jointHierarchies, jointRelease, JointTree, parseHierarchy, releaseHash, tableFromColumns } from '../../../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release, Table } from '../../../../contracts/anonymization/kernel/index.ts'
import { errorCode } from '../../../../primitives/error.ts'

const AGES = Array.from({ length: 64 }, (_, age) => String(age))
const ILLNESSES = ['asthma', 'diabetes', 'flu']
const REGIONS = parseHierarchy('region', ['a1;a;west;*', 'a2;a;west;*', 'b1;b;west;*', 'c1;c;east;*', 'c2;c;east;*', 'd1;d;east;*'].join('\n'))
const definition = (siteFloor: number, more: Partial<DatasetDefinition> = {}): DatasetDefinition => ({
  attributes: [
    { name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: intervalHierarchy('age', AGES, [4, 16, 32]) }, { name: 'region', role: 'quasi-identifier', type: 'categorical', hierarchy: REGIONS },
    { name: 'sex', role: 'quasi-identifier', type: 'categorical', hierarchy: flatHierarchy('sex', ['f', 'm']) },
    { name: 'illness', role: 'sensitive', type: 'categorical', order: ILLNESSES }, { name: 'visits', role: 'insensitive', type: 'integer', order: ['1', '2', '3'] },
  ],
  policy: { k: 3, suppressionLimit: '0' }, algorithm: { name: 'joint', siteFloor }, statistics: { columns: ['visits'] }, ...more,
})
type Row = readonly string[]
const tableOf = (rows: readonly Row[]): Table => tableFromColumns(['age', 'region', 'sex', 'illness', 'visits'].map((name, column) => ({ name, cells: rows.map((row) => row[column]!) })))
const row = fc.tuple(fc.constantFrom(...AGES), fc.constantFrom('a1', 'a2', 'b1', 'c1', 'c2', 'd1'), fc.constantFrom('f', 'm'), fc.constantFrom(...ILLNESSES), fc.constantFrom('1', '2', '3'))

/** What the sites do, with `see` shown every vector that a site adds. */
function together(sites: readonly (readonly Row[])[], of: DatasetDefinition, floor: number, see: (site: number, counts: Uint32Array, isVetoed: (cell: number) => boolean) => void = () => undefined): Release {
  const contributions = sites.map((held) => {
    const contribution = new JointContribution(tableOf(held), of, floor)
    return { contribution, rows: contribution.start() }
  })
  const tree = new JointTree(jointHierarchies(of), of.policy.k)
  const sum = (vectors: readonly Uint32Array[]): Uint32Array => vectors[0]!.map((_, cell) => vectors.reduce((total, vector) => total + vector[cell]!, 0))
  while (!tree.isGrown) {
    const vectors = contributions.map(({ rows }, site) => {
      let vetoed = new Set<number>()
      const counts = rows.count(tree.questions, (cells) => new Uint32Array(cells).fill(777))
      vetoed = new Set([...counts.keys()].filter((cell) => counts[cell] === 777))
      see(site, counts, (cell) => vetoed.has(cell))
      return counts
    })
    const step = tree.decide(sum(vectors))
    for (const { rows } of contributions) rows.follow(step)
  }
  return jointRelease(of, tree.finished, sum(contributions.map(({ contribution, rows }) => contribution.countPayload(rows, tree.finished.length))))
}

t.test('three sites make, to the byte, the release of the union, whoever holds which row', async (t) => {
  fc.assert(fc.property(fc.array(fc.tuple(row, fc.integer({ min: 0, max: 2 })), { minLength: 6, maxLength: 120 }), (held) => {
    const sites = [0, 1, 2].map((site) => held.filter(([, at]) => at === site).map(([values]) => values))
    if (sites.some((rows) => rows.length === 0)) return
    const made = together(sites, definition(1), 1)
    if (releaseHash(made) !== releaseHash(anonymize(tableOf(held.map(([values]) => values)), definition(1)))) throw new Error('differs from the union')
    if (!checkRelease(made, definition(1)).ok) throw new Error(JSON.stringify(checkRelease(made, definition(1)).findings))
  }), { numRuns: 50, seed: 11 })
})

t.test('its classes are those of hierarchy Mondrian, which knows nothing of sites', async (t) => {
  const categorical = (algorithm: DatasetDefinition['algorithm']): DatasetDefinition => ({ ...definition(1), statistics: undefined, algorithm, attributes: definition(1).attributes.map((each) => ({ ...each, type: 'categorical' })) })
  fc.assert(fc.property(fc.array(row, { minLength: 6, maxLength: 120 }), (rows) => {
    const [joint, plain] = [categorical({ name: 'joint', siteFloor: 1 }), categorical({ name: 'mondrian', mode: 'hierarchy' })].map((each) => anonymize(tableOf(rows), each)) as [Release, Release]
    return joint.classSizes.join() === plain.classSizes.join() && JSON.stringify(joint.quasi.map(({ values, codes }) => [values, [...codes]])) === JSON.stringify(plain.quasi.map(({ values, codes }) => [values, [...codes]]))
  }), { numRuns: 50, seed: 12 })
})

t.test('with a floor every count that a site adds to the tree is zero or at least the floor, and the release keeps k', async (t) => {
  let [vetoes, counts] = [0, 0]
  fc.assert(fc.property(fc.array(fc.tuple(row, fc.integer({ min: 0, max: 2 })), { minLength: 40, maxLength: 150 }), (held) => {
    const sites = [0, 1, 2].map((site) => held.filter(([, at]) => at === site).map(([values]) => values))
    const made = together(sites, definition(4), 4, (_, vector, isVetoed) => {
      for (const [cell, count] of vector.entries()) {
        if (isVetoed(cell)) vetoes++
        else if (count > 0 && count < 4) throw new Error(`a count of ${count}`)
        else counts++
      }
    })
    return checkRelease(made, definition(4)).ok && made.rowCount === held.length
  }), { numRuns: 25, seed: 13 })
  t.ok(vetoes > 100 && counts > 100, 'both happened')
})

t.test('classes that break the policy are suppressed as far as it allows, else nothing is released', async (t) => {
  const rows: Row[] = Array.from({ length: 24 }, (_, i) => [String(i < 4 ? 60 : i % 8), 'a1', 'f', i < 4 ? 'flu' : ILLNESSES[i % 3]!, '1'])
  const diverse = (suppressionLimit: string): DatasetDefinition => definition(1, { policy: { k: 4, suppressionLimit, diversity: [{ attribute: 'illness', kind: 'distinct', l: '2' }] } })
  t.throws(() => anonymize(tableOf(rows), diverse('0.1')), { code: 'ANONYMIZATION_UNSATISFIABLE' })
  const made = anonymize(tableOf(rows), diverse('0.2'))
  t.match(made, { rowCount: 20, suppressedCount: 4 })
  t.ok(checkRelease(made, diverse('0.2')).ok)
})

t.test('totals that contradict each other, statistics that nobody can add up, and values without a list are refused', async (t) => {
  const tree = new JointTree(jointHierarchies(definition(1)), 3)
  const totals = new Uint32Array(tree.cells)
  totals[1] = 5
  t.throws(() => tree.decide(totals), { code: 'ANONYMIZATION_JOINT_CONTRADICTORY' })
  const rows: Row[] = Array.from({ length: 6 }, () => ['1', 'a1', 'f', 'flu', '1'])
  const code = (of: DatasetDefinition): string | undefined => {
    try {
      const contribution = new JointContribution(tableOf(rows), of, 1)
      const [counted, tree] = [contribution.start(), new JointTree(jointHierarchies(of), of.policy.k)]
      while (!tree.isGrown) counted.follow(tree.decide(counted.count(tree.questions, (cells) => new Uint32Array(cells))))
      contribution.countPayload(counted, tree.finished.length)
      return undefined
    } catch (error) {
      return errorCode(error)
    }
  }
  t.equal(code(definition(1)), undefined)
  t.equal(code(definition(1, { statistics: { columns: ['age'] } })), 'ANONYMIZATION_POLICY_INVALID')
  t.equal(code(definition(1, { attributes: definition(1).attributes.map(({ order: _, ...each }) => each) })), 'ANONYMIZATION_HIERARCHY_ABSENT')
  t.equal(code(definition(1, { attributes: definition(1).attributes.map((each) => (each.name === 'illness' ? { ...each, order: ['asthma'] } : each)) })), 'ANONYMIZATION_HIERARCHY_UNCOVERED')
  t.equal(code(definition(0)), 'ANONYMIZATION_ALGORITHM_UNKNOWN')
})
