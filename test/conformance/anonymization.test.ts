/** Goal: the kernel says what the references say. Method: the runner of `npm run conformance:anonymization` on the corpus, in the parts that are quick; the whole takes minutes and is run by hand. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ArxSuite } from './anonymization/arx.ts'
import type { ArxGolden } from './anonymization/arx.ts'
import { JavaRandom, readConfigs } from './anonymization/arx-config.ts'
import { MondrianRuns, checkOracle } from './anonymization/mondrian.ts'
import { readAdult } from './anonymization/adult-data.ts'
import { runSuite } from './anonymization/suite.ts'
import { CORPUS_ABSENT, corpusPath } from '../helpers/corpus.ts'
import { testDirectory } from '../helpers/directory.ts'

const adult = corpusPath('adult')
const skip = { skip: adult === undefined ? CORPUS_ABSENT : false }
const runner = join(import.meta.dirname, 'anonymization.ts')

for (const only of ['oracle', 'GOLDEN', 'cks20', 'test_anonymity']) {
  t.test(`everything that ${only} expects and that is ours comes out`, skip, async (t) => {
    const outcomes = [...runSuite(adult!, only)]
    t.ok(outcomes.filter(({ verdict }) => verdict === 'pass').length > 5)
    t.same(outcomes.filter(({ verdict }) => verdict === 'fail'), [])
  })
}

t.test('ARX\'s expectations that need few nodes are optimal', skip, async (t) => {
  const { cases } = JSON.parse(readFileSync(join(adult!, 'arx_adult_golden.json'), 'utf8')) as ArxGolden
  const suite = new ArxSuite(adult!)
  for (const index of [7, 9, 10, 14, 32, 38, 75, 82, 108, 111]) for (const { verdict, id, detail } of suite.check('arx', index, cases[index]!)) t.equal(verdict, 'pass', `${id}: ${detail}`)
})

t.test('a wrong figure is noticed, an unknown algorithm is named, other values of k are run', skip, async (t) => {
  const runs = new MondrianRuns(adult!, readAdult(adult!))
  const oracle = { columns: ['k', 'ncp_percent', 'classes'], strict: [[50, 22.1577, 402], [50, 22.1578, 402], [75, 0, 0]], incognito: [[2, 1, 1]] }
  const outcomes = [...checkOracle('changed', oracle, runs)]
  t.same(outcomes.map(({ verdict }) => verdict), ['pass', 'fail', 'fail', 'not-ours'])
  t.match(outcomes[1]!.detail, /expected 22\.1578, got 22\.1577/)
})

t.test('the runner\'s exit code tells: 0 passed, 1 failed, 2 nothing to run', async (t) => {
  t.match(execFileSync(process.execPath, [runner, '--help'], { encoding: 'utf8' }), /Exit code/)
  const status = (args: readonly string[]): number | null => spawnSync(process.execPath, [runner, ...args]).status
  t.equal(status([]), 2)
  t.equal(status([testDirectory(t)]), 2)
  const folder = t.testdir({})
  writeFileSync(join(folder, 'strange.json'), '{"form": "unknown"}')
  t.equal(status([folder, '--json']), 1)
})

t.test('ARX\'s configurations are read, also where the extraction ran two together', async (t) => {
  const text = 'ARXConfiguration.create(0.0d, Metric.createLossMetric()).addPrivacyModel(new EntropyLDiversity("x", 100)), "x", "./data/adult.csv", 0.0d, null, false) }, { new ARXAnonymizationTestCase(ARXConfiguration.create(0.04d, Metric.createPrecomputedEntropyMetric(0.1d, true)).addPrivacyModel(new KAnonymity(5)).addPrivacyModel(new DPresence(0.05, 0.15, DataSubset.create(Data.create("a;b", UTF_8, \';\'))))'
  const [first, second] = readConfigs(text)
  t.same(first, { expectsNone: true, config: { suppressionLimit: '0.0', metric: { name: 'createLossMetric', args: [] }, models: [{ name: 'EntropyLDiversity', args: ['"x"', '100'] }] } })
  t.same(second?.config.models.map(({ name }) => name), ['KAnonymity', 'DPresence'])
  t.same(second?.config.models[1]?.args.slice(0, 2), ['0.05', '0.15'])
  const random = new JavaRandom(42)
  t.same([random.nextInt(10), random.nextInt(10), random.nextInt(16)], [0, 3, 10], 'as java.util.Random with seed 42')
})
