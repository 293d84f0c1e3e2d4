import { cpuSeconds, residentMiB, sleep } from './measure.ts'
import type { BenchNetwork } from './network.ts'

/** Of each node, after and over a time without any call: resident memory, and CPU in per cent of one core. */
export interface Idle { readonly residentMiB: readonly number[]; readonly cpuPercent: readonly number[] }

export async function measureIdle(network: BenchNetwork, seconds: number): Promise<Idle> {
  const pids = network.nodes.map(({ process }) => process.pid)
  const before = pids.map(cpuSeconds)
  const started = performance.now()
  await sleep(seconds * 1000)
  const elapsed = (performance.now() - started) / 1000
  return { residentMiB: pids.map(residentMiB), cpuPercent: pids.map((pid, i) => ((cpuSeconds(pid) - before[i]!) / elapsed) * 100) }
}
