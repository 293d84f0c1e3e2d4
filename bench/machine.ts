import { execFileSync } from 'node:child_process'
import { arch, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'

/** Where and of what a run was taken; every published figure stands below one. */
export interface Machine { readonly date: string; readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly node: string; readonly revision: string; readonly load: number; readonly syncMs: number }

export function describeMachine(syncMs: number): Machine {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '), cpu: `${cpus()[0]?.model.trim() ?? 'unknown'} (${arch()})`, cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version, revision: revision(), load: loadavg()[0]!, syncMs,
  }
}

/** The commit, marked when there are changes beside it; `unknown` outside a clone. */
function revision(): string {
  const git = (...args: string[]): string => execFileSync('git', ['-C', join(import.meta.dirname, '..'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`
  } catch {
    return 'unknown' // A release without its history is a fair place for a benchmark.
  }
}

export function machineLine({ date, cpu, cores, memoryGiB, node, revision: commit, load, syncMs }: Machine): string {
  return `${date} UTC · ${cores} × ${cpu}, ${memoryGiB} GiB, load ${load.toFixed(1)} before · Node ${node} · revision ${commit} · fdatasync of 4 KiB p50 ${syncMs.toFixed(2)} ms · all processes on this machine, over loopback`
}
