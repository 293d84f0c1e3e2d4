// Goal: the demo tells its whole story, ends by itself and leaves nothing behind; interrupted, it does so too.
// Method: the command that `npm run demo` runs, with one generated patient; processes are looked for by the demo's own folder in their command lines.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'

t.setTimeout(290_000)

const ROOT = resolve(import.meta.dirname, '../..')

interface Run { readonly code: number | null; readonly output: string }

/** Runs the demo with its temporary folder inside `folder`; `onOutput` may interrupt it. */
function runDemo(folder: string, args: readonly string[], onOutput: (output: string, interrupt: () => void) => void = () => {}): Promise<Run> {
  const { NODE_OPTIONS: _preloads, ...env } = process.env
  const child = spawn(process.execPath, [join(ROOT, 'examples/demo/demo.ts'), ...args], { cwd: ROOT, env: { ...env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      onOutput(output, () => child.kill('SIGINT'))
    })
  }
  // Not at its exit: what it said last may still be on its way then.
  return new Promise((done) => child.once('close', (code) => done({ code, output })))
}

/** Command lines of living processes that name the folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((name) => {
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return line.includes(folder) ? [line] : []
    } catch {
      return [] // It ended while it was looked at.
    }
  })
}

/** What demos left. */
const leftIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('stele'))

const folder = mkdtempSync(join(tmpdir(), 'st-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

t.test('the demo shows refusal, grant, reading, loss of the leader, revocation, audit and proof, and exits with 0', async (t) => {
  const { code, output } = await runDemo(folder, ['--patients', '1'])
  t.equal(code, 0, output.slice(-2_000))
  for (const shown of [
    /asks for a test result without consent \(.*\): refused/, /✓ the patient lets Dr Rao read/, /decrypted from \d+ bytes/, /asks for a diagnosis, which the consent does not cover \(.*\): refused/,
    /kill -9 of the leader.*: decided and final/, /Dr Rao asks for the same test result again \(.*\): refused/, /earlier, still running permit is asked for again \(.*\): not served any more/,
    /UTC: Dr Rao, Lakeside Clinic, asked to read a test result for treatment: allowed/, /each attested by at least 3 of 4 institutions/, /the whole demo took/,
  ]) t.match(output, shown)
  t.notMatch(output, /✗|failed/)
  t.same(processesOf(folder), [], 'no process is left')
  t.same(leftIn(folder), [], 'no folder is left')
})

t.test('Ctrl-C in the middle stops everything and removes the folder', async (t) => {
  const { code } = await runDemo(folder, ['--patients', '1'], (output, interrupt) => { if (output.includes('✓ starting 4 institutions')) interrupt() })
  t.equal(code, 130)
  t.same(processesOf(folder), [])
  t.same(leftIn(folder), [])
})

t.test('a wrong option prints how to use the demo and starts nothing', async (t) => {
  t.match(await runDemo(folder, ['--nodes', '3']), { code: 2, output: /--fhir DIR/ })
  const missing = await runDemo(folder, ['--fhir', join(folder, 'nowhere')])
  t.equal(missing.code, 1)
  t.match(missing.output, /ENOENT/)
  t.same(leftIn(folder), [])
})
