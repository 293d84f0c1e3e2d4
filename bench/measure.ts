import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Value at quantile q of the numbers, which need no order; NaN of none. */
export function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** The middle one, or the mean of the two in the middle; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

/** User and system time of a process and all its threads so far, in seconds (Linux counts in 1/100 s). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Bytes that a process has had written to the disk so far, compaction included. */
export function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

/** Bytes of content below a directory: each file up to its last byte that is not zero, so that what is only preallocated does not count. Files may vanish meanwhile. */
export function contentBytes(directory: string): number {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + lengthWithoutZeros(join(parentPath, name)), 0)
}

function lengthWithoutZeros(path: string): number {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return 0
  const file = openSync(path, 'r')
  try {
    const block = Buffer.alloc(64 * 1024)
    for (let end = statSync(path).size; end > 0; end -= block.length) {
      const start = Math.max(0, end - block.length)
      const length = readSync(file, block, 0, end - start, start)
      for (let at = length - 1; at >= 0; at--) if (block[at] !== 0) return start + at + 1
    }
    return 0
  } finally {
    closeSync(file)
  }
}

/** p50 in ms of appending 4 KiB and `fdatasync`, in a directory on the disk that the nodes use. */
export function syncMs(directory: string, count = 200): number {
  const file = openSync(join(directory, 'sync-probe'), 'w')
  try {
    const block = Buffer.alloc(4096, 1)
    return median(Array.from({ length: count }, () => {
      writeSync(file, block)
      const started = performance.now()
      fdatasyncSync(file)
      return performance.now() - started
    }))
  } finally {
    closeSync(file)
  }
}
