import { execFile } from 'node:child_process'
import { resolve } from 'node:path'

const LAUNCHER = resolve(import.meta.dirname, '../../node/stele')

export interface Outcome { readonly code: number; readonly out: string; readonly err: string }

/** Runs the command line in a process of its own, as an operator would. */
export function stele(args: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    execFile(LAUNCHER, args, { maxBuffer: 16 * 1024 * 1024, timeout: 120_000 }, (error, out, err) => done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, out, err }))
  })
}

/** The same, and its line of JSON. Throws with what it said when it failed. */
export async function run(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await stele([...args, '--json'])
  if (code !== 0) throw new Error(`stele ${args.join(' ')} exited with ${code}: ${out}${err}`)
  return JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, unknown>
}
