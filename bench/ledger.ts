/**
 * How fast does an append become durable, against a bare write + fdatasync loop on the same disk in the same run?
 * Run: `node bench/ledger.ts [directory]`. Prints medians and ratios; a ratio of 1.0 is the disk itself.
 */
import { randomBytes } from 'node:crypto'
import { fdatasync, mkdtempSync, openSync, rmSync, write, writeSync, fdatasyncSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { silentLogger } from '../primitives/ports.ts'
import { openLedger } from '../state/ledger-open.ts'
import type { Ledger } from '../state/ledger.ts'
import { nodeFileSystem, nodeTimers } from '../state/node-file-system.ts'

const ROUNDS = 400
const GROUPED_APPENDS = 4000
const IN_FLIGHT = 32
const PREALLOCATED_BYTES = 128 * 1024 * 1024
const KIB = 1024

const root = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'stele-bench-ledger-'))
try {
  for (const bytes of [4 * KIB, 256 * KIB]) {
    const { own, raw } = await sideBySide(bytes)
    print(`append of 1 entry, ${bytes / KIB} KiB`, `p50 ${own.p50.toFixed(3)} ms  p99 ${own.p99.toFixed(3)} ms`, `raw p50 ${raw.p50.toFixed(3)} ms  p99 ${raw.p99.toFixed(3)} ms`, `p50 ratio ${(own.p50 / raw.p50).toFixed(2)}`)
  }
  const { raw } = await sideBySide(4 * KIB)
  const perSecond = await groupedAppends(4 * KIB)
  print(`grouped appends, ${IN_FLIGHT} in flight, 4 KiB`, `${Math.round(perSecond)} entries/s`, `raw loop ${Math.round(1000 / raw.p50)} syncs/s`, `ratio ${((perSecond * raw.p50) / 1000).toFixed(2)}`)
  await reading()
} finally {
  rmSync(root, { recursive: true })
}

async function open(directory: string): Promise<Ledger> {
  const opened = await openLedger(
    { directory, chainId: new Uint8Array(32) },
    { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: { bytes: (length) => randomBytes(length) }, failed: (error) => { throw error } },
  )
  if (opened.status !== 'normal') throw new Error('the bench ledger is damaged')
  return opened.ledger
}

/** Appends and bare writes of the same size take turns, so that whatever else uses the disk slows both. */
async function sideBySide(bytes: number): Promise<{ own: Figures; raw: Figures }> {
  const ledger = await open(join(root, `append-${bytes}-${Math.random()}`))
  const rawOnce = openRaw(bytes)
  const data = randomBytes(bytes)
  const own: number[] = []
  const raw: number[] = []
  for (let index = 1; index <= ROUNDS; index++) {
    const start = performance.now()
    await ledger.append({ entries: [{ index, term: 1, kind: 'normal', height: index, data }] })
    const middle = performance.now()
    await rawOnce()
    own.push(middle - start)
    raw.push(performance.now() - middle)
  }
  await ledger.close()
  return { own: figures(own), raw: figures(raw) }
}

async function groupedAppends(bytes: number): Promise<number> {
  const ledger = await open(join(root, 'grouped'))
  const data = randomBytes(bytes)
  let next = 1
  const start = performance.now()
  const worker = async (): Promise<void> => {
    while (next <= GROUPED_APPENDS) {
      const index = next++
      await ledger.append({ entries: [{ index, term: 1, kind: 'normal', height: index, data }] })
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  const seconds = (performance.now() - start) / 1000
  await ledger.close()
  return GROUPED_APPENDS / seconds
}

/** The same bytes into a preallocated file through the same thread pool, nothing else. */
function openRaw(bytes: number): () => Promise<void> {
  const fd = openSync(join(root, `raw-${bytes}-${Math.random()}`), 'w')
  const zeros = Buffer.alloc(KIB * KIB)
  for (let at = 0; at < PREALLOCATED_BYTES; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at)
  fdatasyncSync(fd)
  const data = randomBytes(bytes)
  const writeAsync = promisify(write)
  const syncAsync = promisify(fdatasync)
  let at = 0
  return async () => {
    await writeAsync(fd, data, 0, bytes, at)
    await syncAsync(fd)
    at += bytes
  }
}

async function reading(): Promise<void> {
  const start = performance.now()
  const ledger = await open(join(root, 'grouped'))
  const opened = performance.now() - start
  const from = performance.now()
  let count = 0
  for (let index = 1; index <= 2000; index += 100) count += ledger.entries(index, index + 100, Number.MAX_SAFE_INTEGER).length
  const readMs = performance.now() - from
  await ledger.close()
  const mib = (GROUPED_APPENDS * 4 * KIB) / (KIB * KIB)
  print(`open and check ${mib.toFixed(0)} MiB`, `${opened.toFixed(0)} ms`, `read back ${count} entries of 4 KiB: ${((1000 * readMs) / count).toFixed(1)} µs each`)
}

interface Figures { readonly p50: number; readonly p99: number }

function figures(times: readonly number[]): Figures {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return { p50: at(0.5), p99: at(0.99) }
}

function print(...columns: string[]): void {
  process.stdout.write(`${columns.join('  |  ')}\n`)
}
