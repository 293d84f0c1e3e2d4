/** Goal: full-domain search finds the optimum of its metric. Method: small random tables, every node tried by brute force. */
import fc from 'fast-check'
import t from 'tap'
import { ClassJudge } from '../../../../contracts/anonymization/kernel/class-test.ts'
import { Lattice, classify, searchOptimum } from '../../../../contracts/anonymization/kernel/full-domain-search.ts'
import { anonymize, checkRelease, parseHierarchy, tableFromColumns } from '../../../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Policy } from '../../../../contracts/anonymization/kernel/index.ts'
import { NodeJudge } from '../../../../contracts/anonymization/kernel/lattice-node.ts'
import { Grouper, baseTuples } from '../../../../contracts/anonymization/kernel/lattice.ts'
import { createLoss } from '../../../../contracts/anonymization/kernel/node-loss.ts'
import { prepare } from '../../../../contracts/anonymization/kernel/prepare.ts'
import { compare } from '../../../../contracts/anonymization/kernel/rational.ts'
import type { Rational } from '../../../../contracts/anonymization/kernel/rational.ts'

const AGE = parseHierarchy('age', '1;1-2;1-4;*\n2;1-2;1-4;*\n3;3-4;1-4;*\n4;3-4;1-4;*\n5;5-6;5-8;*\n6;5-6;5-8;*\n')
const CITY = parseHierarchy('city', 'a;x;*\nb;x;*\nc;y;*\nd;y;*\n')
const row = fc.tuple(fc.constantFrom(...AGE.leaves), fc.constantFrom(...CITY.leaves), fc.constantFrom('A', 'B', 'C'))

function definition(policy: Policy, metric: 'loss' | 'entropy' | 'discernibility' | 'average-class-size'): DatasetDefinition {
  return { attributes: [{ name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: AGE }, { name: 'city', role: 'quasi-identifier', type: 'categorical', hierarchy: CITY }, { name: 's', role: 'sensitive', type: 'categorical' }], policy, algorithm: { name: 'full-domain', metric } }
}
const table = (rows: readonly (readonly [string, string, string])[]) => tableFromColumns(['age', 'city', 's'].map((name, i) => ({ name, cells: rows.map((each) => each[i]!) })))

for (const metric of ['loss', 'entropy', 'discernibility', 'average-class-size'] as const) {
  t.test(`pruning loses nothing: ${metric} of the node found is that of the best of all nodes, and the release passes its check`, async (t) => {
    fc.assert(fc.property(fc.array(row, { minLength: 6, maxLength: 40 }), fc.integer({ min: 1, max: 4 }), fc.constantFrom('0', '0.1', '0.3', '1'), fc.boolean(), (rows, k, suppressionLimit, diverse) => {
      const policy: Policy = { k, suppressionLimit, ...(diverse ? { diversity: [{ attribute: 's', kind: 'distinct', l: '2' }] } : {}) }
      const wanted = definition(policy, metric)
      const prepared = prepare(table(rows), wanted)
      const base = baseTuples(prepared, undefined)
      const judge = new NodeJudge(base, new Grouper(base), new ClassJudge(policy, prepared.payload), suppressionLimit)
      const loss = createLoss(metric, base)
      const lattice = new Lattice([3, 2])
      let least: Rational | undefined
      for (let node = 0; node < lattice.size; node++) {
        const verdict = judge.judgeNode(lattice.levelsOf(node))
        if (!verdict.valid) continue
        const score = loss.scoreOf(lattice.levelsOf(node), verdict)
        if (least === undefined || compare(score, least) < 0) least = score
      }
      const found = searchOptimum(judge, loss)
      if (found === undefined || least === undefined) return found === undefined && least === undefined
      const release = anonymize(table(rows), wanted)
      return compare(found.score, least) === 0 && checkRelease(release, wanted, { rowCount: rows.length }).ok
    }), { numRuns: 60, seed: 3 })
  })
}

t.test('classification asks for a fraction of the nodes and answers for all', async (t) => {
  const lattice = new Lattice([4, 3, 2, 2])
  let asked = 0
  const state = classify(lattice, (levels) => {
    asked++
    return levels.reduce((a, b) => a + b) >= 6
  })
  for (let node = 0; node < lattice.size; node++) t.equal(state[node], lattice.height(node) >= 6 ? 2 : 1)
  t.ok(asked < lattice.size / 2, `${asked} of ${lattice.size}`)
})

t.test('Datafly keeps the policy with no more suppression than allowed', async (t) => {
  fc.assert(fc.property(fc.array(row, { minLength: 6, maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (rows, k) => {
    const wanted: DatasetDefinition = { ...definition({ k, suppressionLimit: '0.2' }, 'loss'), algorithm: { name: 'datafly' } }
    const release = anonymize(table(rows), wanted)
    return checkRelease(release, wanted, { rowCount: rows.length }).ok && release.suppressedCount <= Math.floor(rows.length / 5)
  }), { numRuns: 100, seed: 4 })
})
