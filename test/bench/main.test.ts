import t from 'tap'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const MAIN = resolve(import.meta.dirname, '../../bench/main.ts')

/** Runs the benchmark with its folders in `directory`; the runner's preloads stay out of it. */
async function bench(directory: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { NODE_OPTIONS: _preloads, ...env } = process.env
  return promisify(execFile)(process.execPath, [MAIN, ...args], { env: { ...env, TMPDIR: directory }, timeout: 280_000 })
}

t.test('a wrong flag ends it before anything is started', async (t) => {
  const directory = t.testdir({})
  await t.rejects(bench(directory, '--only', 'speed'), { code: 1, stderr: /must be one of/ })
  t.same(readdirSync(directory), [])
})

t.test('three nodes are measured under a small load, and nothing is left of them', async (t) => {
  const directory = t.testdir({})
  const { stdout } = await bench(directory, '--quick', '--json', '--no-etcd', '--only', 'ceiling', '--only', 'throughput', '--transactions', '200')
  const { machine, rows } = JSON.parse(stdout) as { machine: object; rows: { figure: string; values: number[] }[] }
  t.match(machine, { cores: Number, node: process.version, revision: String, syncMs: Number })
  t.equal(rows.length, 7)
  t.ok(rows.every(({ values }) => values.length > 0 && values.every((value) => value > 0)), 'each figure was taken')
  t.same(readdirSync(directory), [])
})
