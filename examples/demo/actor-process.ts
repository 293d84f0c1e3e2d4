import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { compileCacheFolder } from '../../node/compile-cache.js'
import { SteleError } from '../../primitives/error.ts'

/** One line between the demo and a process of a person or an institution: a question, its answer, or how far it is. */
export interface ActorQuestion { readonly id: number; readonly method: string; readonly input: unknown }
export type ActorAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string; readonly details: Readonly<Record<string, unknown>> } }
  | { readonly id: number; readonly progress: number }

/** Somebody of the demo in a process of their own, with their own keys. The demo can ask, and never sees a key that opens anything. */
export interface Actor {
  readonly pid: number
  ask(method: string, input: unknown, onProgress?: (done: number) => void): Promise<unknown>
  stop(): Promise<void>
}

const STOP_MS = 5_000
/** Compiled code kept between runs, as nodes do: several processes load the same modules at once. */
const COMPILE_CACHE = compileCacheFolder()

/** Starts `script` (beside this file) in a process of its own; its complaints go to `folder/actor.log`. */
export function startActor(script: string, folder: string, args: readonly string[]): Actor {
  const { NODE_OPTIONS: _preloads, ...env } = process.env
  const log = openSync(join(folder, 'actor.log'), 'a', 0o600)
  const child = fork(join(import.meta.dirname, script), [folder, ...args], { serialization: 'advanced', stdio: ['ignore', 'ignore', log, 'ipc'], env: { ...env, ...(COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE: COMPILE_CACHE }) }, execArgv: ['--disable-warning=ExperimentalWarning'] })
  const open = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: unknown) => void; readonly onProgress: (done: number) => void }>()
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let nextId = 1
  child.on('message', (message) => settle(open, message as ActorAnswer))
  child.once('exit', (code) => {
    for (const { reject } of open.values()) reject(new SteleError({ code: 'DEMO_ACTOR_ENDED', message: 'a process of the demo ended', details: { script, code, log: join(folder, 'actor.log') } }))
    open.clear()
  })
  return {
    pid: child.pid!,
    ask: (method, input, onProgress = () => {}) => new Promise((resolve, reject) => {
      const id = nextId++
      open.set(id, { resolve, reject, onProgress })
      child.send({ id, method, input } satisfies ActorQuestion, (error) => { if (error !== null) reject(error) })
    }),
    stop: () => stopChild(child, exited),
  }
}

function settle(open: Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: unknown) => void; readonly onProgress: (done: number) => void }>, answer: ActorAnswer): void {
  const waiting = open.get(answer.id)
  if (waiting === undefined) return
  if ('progress' in answer) return waiting.onProgress(answer.progress)
  open.delete(answer.id)
  if ('error' in answer) waiting.reject(new SteleError(answer.error))
  else waiting.resolve(answer.result)
}

async function stopChild(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}
