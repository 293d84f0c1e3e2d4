// Goal: nodes that are killed, stopped, cut off and run out of disk under load stay linearizable, lose nothing that was acknowledged, apply nothing twice, and are equal afterwards.
// Method: a short run of `npm run nemesis` under a fixed seed, which kills and stops the leader, parts two nodes and fills a disk; then Ctrl-C in the middle of another.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Report } from '../nemesis/report.ts'
import { testDirectory } from '../helpers/directory.ts'

const MAIN = join(import.meta.dirname, '../nemesis/main.ts')

t.setTimeout(290_000)

t.test('eighteen seconds of faults', async (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, '--minutes', '0.3', '--seed', '400', '--json'], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  const { violations, history, faults, operations, acknowledged, transactions, fullDisks, leftOut } = JSON.parse(stdout) as Report
  t.strictSame(violations, [])
  t.equal(history.verdict, 'linearizable')
  t.ok(operations.ok > 50, `${operations.ok} operations took effect, ${operations.unknown} are unknown`)
  t.ok(acknowledged > 20 && transactions >= acknowledged, `${acknowledged} acknowledged, ${transactions} on the ledger`)
  t.ok(faults.length >= 4, `${faults.length} events`)
  if (leftOut.length > 0) t.comment(leftOut.join('; '))
  for (const { code, lastWords } of fullDisks) {
    t.not(code, 0)
    t.match(lastWords, /^stele: (?:STATE|LEDGER)_WRITE_FAILED: .*free space and restart/, 'a full disk ends a node with one line that says what to do')
  }
})

t.test('Ctrl-C leaves nothing running', async (t) => {
  const folder = join(testDirectory(t), 'run')
  const child = spawn(process.execPath, [MAIN, '--minutes', '5', '--seed', '1', '--out', folder], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  await new Promise<void>((resolve) => child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (/ s {2}/.test(said)) resolve() // The first fault: everything runs.
  }))
  child.kill('SIGINT')
  t.equal(await new Promise((done) => child.once('exit', done)), 130, said)
  const left = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(folder))
  t.strictSame(left.map(commandOf), [], 'no process of the run is left')
})

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return '' // It has ended meanwhile.
  }
}
