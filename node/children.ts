import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SteleError } from '../primitives/error.ts'

const LAUNCHER = resolve(import.meta.dirname, 'stele')
/** A node on a busy machine takes its time; one that fails says so at once. */
const START_MS_MAX = 120_000
/** Characters of a log's last line that an error shows. */
const LINE_LENGTH_MAX = 400

export interface Child {
  readonly process: ChildProcess
  readonly pid: number
  /** The line of JSON it printed when it was ready. */
  readonly ready: Record<string, unknown>
  /** Ends it with SIGTERM and waits until it is gone. */
  stop(): Promise<void>
  readonly exited: Promise<number>
}

/**
 * Starts `stele` with these arguments in a process of its own, its log in `folder/<name>.log`, and resolves once it printed its line of JSON.
 * Throws `CHILD_FAILED` with its exit code and the last line it logged when it ends before that, or with the seconds waited when it takes longer than `timeoutMs`.
 * `signal` ends it while it starts.
 */
export async function startChild(name: string, args: readonly string[], folder: string, options: { readonly timeoutMs?: number; readonly env?: NodeJS.ProcessEnv; readonly signal?: AbortSignal | undefined } = {}): Promise<Child> {
  const logPath = join(folder, `${name}.log`)
  // Test runners preload modules through NODE_OPTIONS; a node must start without them.
  const { NODE_OPTIONS: _preloads, ...env } = { ...process.env, ...options.env }
  const logged = statSync(logPath, { throwIfNoEntry: false })?.size ?? 0
  const child = spawn(LAUNCHER, args, { stdio: ['ignore', 'pipe', openSync(logPath, 'a', 0o600)], env })
  const exited = new Promise<number>((done) => child.once('exit', (code, signal) => done(code ?? (signal === null ? 1 : 128))))
  const timeoutMs = options.timeoutMs ?? START_MS_MAX
  const { signal } = options
  const abort = (): void => { child.kill('SIGTERM') }
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort()
  const line = await firstLine(child, timeoutMs)
  signal?.removeEventListener('abort', abort)
  if (line === undefined) {
    const exit = child.exitCode ?? child.signalCode
    child.kill('SIGKILL')
    const said = lastLine(logPath, logged)
    throw new SteleError({
      code: 'CHILD_FAILED', message: exit === null ? 'a process was not ready in time; is the machine busy?' : 'a process ended at its start',
      details: { name, ...(exit === null ? { seconds: timeoutMs / 1000 } : { exit }), ...(said === undefined ? {} : { said }), log: logPath },
    })
  }
  const ready = JSON.parse(line) as Record<string, unknown>
  if (ready['error'] !== undefined) throw new SteleError({ code: 'CHILD_FAILED', message: 'a process did not start', details: { name, log: logPath, error: ready['error'] } })
  return {
    process: child, pid: child.pid!, ready, exited,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exited
    },
  }
}

/** The last line that a log has gained since it had so many bytes, if any. */
function lastLine(path: string, since: number): string | undefined {
  return readFileSync(path).subarray(since).toString('utf8').trimEnd().split('\n').at(-1)?.slice(0, LINE_LENGTH_MAX) || undefined
}

function firstLine(child: ChildProcess, timeoutMs: number): Promise<string | undefined> {
  return new Promise((done) => {
    let text = ''
    const timer = setTimeout(() => done(undefined), timeoutMs)
    const finish = (line: string | undefined): void => {
      clearTimeout(timer)
      done(line)
    }
    child.once('error', () => finish(undefined))
    child.once('exit', () => finish(undefined))
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const end = text.indexOf('\n')
      if (end !== -1) finish(text.slice(0, end))
    })
  })
}
