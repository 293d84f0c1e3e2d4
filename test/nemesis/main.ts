/** `npm run nemesis`: real nodes under faults and load, then judged. See `--help`. */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { print, say } from '../../node/output.ts'
import { isInNamespace, namespaceCommand } from './disk.ts'
import { readOptions, sameAgain, USAGE } from './options.ts'
import type { Options } from './options.ts'
import { EXIT, exitCodeOf, formatReport } from './report.ts'
import { runNemesis } from './run.ts'

/** Runs this program again where it may mount a small disk. Signals from the terminal reach it by themselves; others are passed on. */
function runInside(command: NonNullable<ReturnType<typeof namespaceCommand>>): Promise<number> {
  const child = spawn(command.file, command.args, { stdio: 'inherit', env: command.env })
  process.on('SIGINT', () => child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((done) => child.once('exit', (code) => done(code ?? EXIT.interrupted)))
}

async function run(options: Options): Promise<number> {
  const interrupted = new AbortController()
  const stop = (): void => interrupted.abort(new Error('interrupted'))
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const directory = options.out === undefined ? mkdtempSync(join(tmpdir(), 'stele-nemesis-')) : resolve(options.out)
  if (options.out !== undefined) mkdirSync(directory, { mode: 0o700 })
  say(sameAgain(options))
  try {
    const found = await runNemesis(options, { directory, canMount: isInNamespace(), signal: interrupted.signal, say })
    const exitCode = exitCodeOf(found)
    const folder = exitCode === EXIT.fine && options.out === undefined ? undefined : directory
    if (folder === undefined) rmSync(directory, { recursive: true, force: true })
    print(options.json ? JSON.stringify({ ...found, folder, exitCode }, null, 2) : formatReport({ ...found, folder }))
    return exitCode
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    if (options.out === undefined) rmSync(directory, { recursive: true, force: true })
    say('interrupted; every process has ended')
    return EXIT.interrupted
  }
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    print(USAGE)
    return EXIT.fine
  }
  const options = readOptions(args, () => randomInt(2 ** 32 - 1))
  const command = options.faults.includes('disk') && !isInNamespace() ? namespaceCommand() : undefined
  return command === undefined ? run(options) : runInside(command)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isUsage = error instanceof RangeError || error instanceof TypeError && 'code' in error
  say(`nemesis: ${isUsage ? error.message : error instanceof Error ? error.stack : String(error)}`)
  process.exitCode = isUsage ? EXIT.usage : EXIT.violation
}
