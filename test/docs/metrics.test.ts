/** Goal: docs/metrics.md lists every metric. Method: literals in the sources against what the factories register. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse } from 'yaml'
import { ALERTS, readMetrics } from '../../docs/generate/metrics.ts'
import { ROOT, readSources } from '../../docs/generate/sources.ts'

const metrics = await readMetrics()
const names = new Set(metrics.map(({ name }) => name))

t.test('every name of a metric in the sources is registered by a factory, so that the page has it', async (t) => {
  const literals = (await readSources()).flatMap(({ path, code }) => [...code.matchAll(/'(stele_[a-z0-9_]+)'/g)].map(([, name]) => [name!, path] as const))
  t.ok(names.size > 30, `${names.size} metrics`)
  t.strictSame(literals.filter(([name]) => !names.has(name)).map(([name, path]) => `${name} in ${path}`), [])
})

t.test('every file that registers metrics is on the page', async (t) => {
  const registering = (await readSources()).filter(({ path, code }) => !path.endsWith('metrics-register.ts') && /\b(?:metrics|register)\??\.(?:counter|gauge|histogram)\(/.test(code))
  const shown = new Set(metrics.map(({ path }) => path))
  t.strictSame(registering.map(({ path }) => path).filter((path) => !shown.has(path)), [])
})

t.test('no name is registered by two folders, and names follow Prometheus', async (t) => {
  t.equal(names.size, metrics.length)
  for (const { name, type } of metrics) {
    t.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`)
    t.notMatch(name, /_(?:ms|milliseconds|kb|mib)$/, `${name} counts in base units`)
  }
})

t.test('every alert is about a metric that exists', async (t) => {
  t.strictSame(Object.keys(ALERTS).filter((name) => !names.has(name)), [])
})

t.test('the rules for Prometheus name only metrics that exist', async (t) => {
  const { groups } = parse(await readFile(new URL('ops/alerts.yaml', ROOT), 'utf8')) as { groups: { rules: { alert: string; expr: string }[] }[] }
  const rules = groups.flatMap(({ rules: own }) => own)
  t.ok(rules.length >= 10)
  for (const { alert, expr } of rules) for (const [name] of expr.matchAll(/stele_[a-z0-9_]+/g)) t.ok(names.has(name), `${alert} uses ${name}`)
})
