import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface Outcome { readonly code: number; readonly stdout: string; readonly stderr: string }

/** A command line in a process of its own, with its own time zone and locale: the same commands as the executable, without starting Node for each. They run one after another. */
export class CommandLine {
  readonly #child: ChildProcess
  readonly #ended: Promise<never>
  #before: Promise<unknown> = Promise.resolve()
  #commands = 0

  constructor(directory: string, env: Readonly<Record<string, string>> = {}) {
    const { NODE_OPTIONS: _, ...inherited } = process.env
    this.#child = fork(join(import.meta.dirname, 'command-line-process.ts'), [], { cwd: directory, execArgv: ['--disable-warning=ExperimentalWarning'], env: { ...inherited, ...env } })
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => { throw new Error(`a command line ended by itself: ${code ?? signal}`) })
    // An end that nobody waits for is no unhandled rejection; whoever runs a command gets it from the race below.
    this.#ended.catch(() => undefined)
  }

  run(...args: readonly string[]): Promise<Outcome> {
    const outcome = this.#before.then(() => Promise.race([this.#ask(args), this.#ended]))
    // Only for the order: the failure itself goes to the caller of this command.
    this.#before = outcome.catch(() => undefined)
    return outcome
  }

  async stop(): Promise<void> {
    this.#child.kill()
    // It ends because it was told to; an earlier end has failed the command that met it.
    await this.#ended.catch(() => undefined)
  }

  #ask(args: readonly string[]): Promise<Outcome> {
    const id = ++this.#commands
    return new Promise((resolve) => {
      const onAnswer = (answer: Outcome & { readonly id: number }): void => {
        if (answer.id !== id) return
        this.#child.off('message', onAnswer)
        resolve(answer)
      }
      this.#child.on('message', onAnswer)
      this.#child.send({ id, args })
    })
  }
}
