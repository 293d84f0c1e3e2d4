/**
 * `npm run bench`: every figure of docs/performance.md in one run, each beside its reference. See `--help`, and docs/performance.md for the method.
 * Three nodes run as processes of their own with fsync on, as does etcd when it is installed (Debian: `etcd-server`); all is removed at the end.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verificationsPerSecond } from './ceiling.ts'
import { Cleanup } from './cleanup.ts'
import { etcdVersion } from './etcd.ts'
import { EtcdFigures } from './etcd-figures.ts'
import { ETCD_VALUE_BYTES } from './etcd-client.ts'
import { MEASURE } from './figures.ts'
import type { Bench } from './figures.ts'
import { describeMachine } from './machine.ts'
import { syncMs } from './measure.ts'
import { BenchNetwork, NODES } from './network.ts'
import { readOptions, USAGE } from './options.ts'
import type { Options } from './options.ts'
import { formatMarkdown, formatTable, isMet, ratioOf, replaceFigures } from './report.ts'
import type { Report, Row } from './report.ts'
import { openInstitutions } from './transactions.ts'

const PAGE = join(import.meta.dirname, '../docs/performance.md')
const RAW = join(import.meta.dirname, 'last-run.json')
const WITH_ETCD = ['latency', 'throughput']

/** Progress goes to standard error, so that standard output holds the result alone. */
const say = (text: string): void => { process.stderr.write(`${text}\n`) }

async function run({ figures, quick, sizes, etcd: wanted }: Options, cleanup: Cleanup): Promise<Report> {
  const machine = describeMachine(probeSync())
  const rows: Row[] = []
  const notes: string[] = []
  let ceiling: number | undefined
  if (figures.includes('ceiling')) {
    say('ceiling')
    ceiling = (await verificationsPerSecond(sizes.ceilingSeconds)) / NODES
    rows.push({ figure: 'signature verifications on all cores ÷ nodes', unit: '/s', values: [ceiling] })
  }
  const onNodes = figures.filter((name) => name !== 'ceiling')
  if (onNodes.length === 0) return { machine, quick, rows, notes }
  const version = wanted ? etcdVersion() : undefined
  let etcd: EtcdFigures | undefined
  if (version !== undefined && figures.some((name) => WITH_ETCD.includes(name))) {
    say(`etcd ${version}: three members`)
    etcd = await EtcdFigures.measure(sizes, cleanup)
  }
  say('three nodes')
  const network = await BenchNetwork.start(cleanup)
  const bench: Bench = { network, institutions: await openInstitutions(network.directory), sizes, cleanup, etcd, ceiling, say, note: (text) => { notes.push(text) } }
  for (const name of onNodes) {
    say(name)
    rows.push(...await MEASURE[name](bench))
  }
  await network.stop()
  if (etcd !== undefined) {
    say('etcd once more')
    await etcd.measureAgain(sizes, cleanup)
    notes.unshift(`etcd ${version}, three members with default settings, ${ETCD_VALUE_BYTES} bytes a value, unsigned; measured before the nodes were started and after they were stopped. The load generator took ${etcd.generatorCpu.toFixed(3)} CPU seconds per 1,000 puts over gRPC.`)
  }
  return { machine, quick, rows, notes }
}

/** On the disk that the nodes' folders will lie on. */
function probeSync(): number {
  const directory = mkdtempSync(join(tmpdir(), 'stele-sync-'))
  try {
    return syncMs(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function toJson(report: Report): string {
  return JSON.stringify({ ...report, rows: report.rows.map((row) => ({ ...row, ratio: ratioOf(row), met: isMet(row) })) }, null, 2)
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) return console.log(USAGE)
  const options = readOptions(process.argv.slice(2))
  const cleanup = new Cleanup()
  cleanup.onSignals()
  try {
    const report = await run(options, cleanup)
    console.log(options.format === 'json' ? toJson(report) : options.format === 'markdown' ? formatMarkdown(report) : formatTable(report))
    if (options.write) {
      writeFileSync(PAGE, replaceFigures(readFileSync(PAGE, 'utf8'), formatMarkdown(report)))
      writeFileSync(RAW, `${toJson(report)}\n`)
    }
  } finally {
    await cleanup.run()
  }
}

if (process.platform !== 'linux') {
  say('the benchmark reads CPU and memory of processes from /proc: Linux only')
  process.exitCode = 1
} else {
  await main()
}
