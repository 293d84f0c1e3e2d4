import { execFile } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join, resolve } from 'node:path'
import { SteleError } from '../../primitives/error.ts'

const STELE = resolve(import.meta.dirname, '../../node/stele')
/** 1: the answer is no (a denial); 4: a check failed. Both are answers. */
const ANSWERS = new Set([0, 1, 4])

/** Runs the command line as its users do, a process for each command. */
export class Commands {
  readonly #folder: string
  readonly #show: (line: string) => void
  readonly #running = new Set<ChildProcess>()
  #stopped = false

  constructor(folder: string, show: (line: string) => void) {
    this.#folder = folder
    this.#show = show
  }

  readonly at = (name: string): string => join(this.#folder, name)

  /** What a command prints with `--json`. */
  readonly json = async (...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> => JSON.parse(await this.run(...args, '--json')) as Record<string, unknown>

  /** What a command prints. Throws `DEMO_COMMAND_FAILED` when it could not answer. */
  readonly run = (...args: readonly string[]): Promise<string> => {
    this.#show(`stele ${args.filter((arg) => arg !== '--json').map((arg) => arg.replace(`${this.#folder}/`, '')).join(' ')}`)
    return new Promise((done, fail) => {
      if (this.#stopped) return fail(new Error('the demo is stopping'))
      const child = execFile(STELE, args, { cwd: this.#folder }, (error, stdout, stderr) => {
        this.#running.delete(child)
        const code = error === null ? 0 : Number(error.code)
        if (ANSWERS.has(code) && !stdout.startsWith('{"error"') && !/^stele: [A-Z_]+:/m.test(stderr)) return done(stdout)
        fail(new SteleError({ code: 'DEMO_COMMAND_FAILED', message: 'a command of the demo failed', details: { command: args.slice(0, 2).join(' '), code, said: `${stdout}${stderr}`.slice(0, 2_000) } }))
      })
      this.#running.add(child)
    })
  }

  /** Ends what still runs; nothing begins any more. */
  stop(): void {
    this.#stopped = true
    for (const child of this.#running) child.kill('SIGTERM')
  }
}
