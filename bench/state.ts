/**
 * How many state writes a second can a node take: execute into a layer, compute the root, make it durable?
 * Usage: node bench/state.ts [leaves…]   (default 100000; 1000000 takes minutes and 1 GB of disk)
 *
 * 2026-11-21, 2 cores under heavy foreign load, so CPU time of the main thread per write, blocks of 300, a flush every 20 blocks, classic-level:
 * 10,000 leaves: 9 µs to the root + 6 µs to flush (24 µs on all threads, LevelDB's compaction included); 100,000 leaves: 20 + 15 µs (60 µs).
 * A flush per block, 100,000 leaves (before the upper levels were kept in memory): 31 + 23 µs (100 µs), so let flushes gather blocks.
 * Wall clock in a quieter minute, 100,000 leaves: in-memory store 33,000 writes/s to the root and 24,000/s flushed; plain classic-level puts of
 * the same values 104,000/s. On classic-level the load rose again: 14,000/s and 9,000/s. 1,000,000 leaves on classic-level: not measured yet.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyStateProof } from '../primitives/state-proof.ts'
import { type Database, openDatabase } from '../state/database.ts'
import { memoryDatabase } from '../state/memory-database.ts'
import type { Layer } from '../state/overlay.ts'
import { openWorldState, type WorldState } from '../state/world-state.ts'

const WRITES_PER_BLOCK = 300
const BLOCKS = 200
const BLOCKS_PER_FLUSH = 20
const VALUE_BYTES = 100

const chain = new Uint8Array(32)
const keyOf = (n: number): Uint8Array => {
  const key = new Uint8Array(40)
  new DataView(key.buffer).setUint32(0, n)
  return key
}
const value = (): Uint8Array => new Uint8Array(randomBytes(VALUE_BYTES))
const perSecond = (count: number, ms: number): number => Math.round((1000 * count) / ms)
const keyNumbers = (leaves: number): number[] => Array.from({ length: BLOCKS * WRITES_PER_BLOCK }, () => Math.floor(Math.random() * leaves * 1.05))

async function fill(state: WorldState, leaves: number): Promise<number> {
  const start = performance.now()
  for (let from = 0, height = 1; from < leaves; from += 10_000, height++) {
    const layer = state.newLayer()
    const store = layer.store()
    for (let n = from; n < Math.min(leaves, from + 10_000); n++) store.put(keyOf(n), value())
    layer.seal()
    await state.flush([layer], { height, appliedIndex: height, blockHash: chain })
  }
  return perSecond(leaves, performance.now() - start)
}

interface Figures { readonly seal: number; readonly flushEach: number; readonly flushMany: number; readonly sealMsPerBlock: number; readonly cpuUs: number }

/** Updates spread over all leaves, one in twenty new: seal alone, then with a flush per block, then one per 20 blocks. */
async function updates(state: WorldState, leaves: number): Promise<Figures> {
  let sealMs = 0
  const run = async (blocksPerFlush: number): Promise<number> => {
    const numbers = keyNumbers(leaves)
    const start = performance.now()
    let layers: Layer[] = []
    for (let block = 0; block < BLOCKS; block++) {
      const layer = state.newLayer(layers.at(-1))
      const store = layer.store()
      const sealing = performance.now()
      for (let i = 0; i < WRITES_PER_BLOCK; i++) store.put(keyOf(numbers[block * WRITES_PER_BLOCK + i]!), value())
      layer.seal()
      sealMs += performance.now() - sealing
      layers.push(layer)
      if (layers.length === blocksPerFlush) {
        const height = state.height + layers.length
        await state.flush(layers, { height, appliedIndex: height, blockHash: chain })
        layers = []
      }
    }
    return perSecond(BLOCKS * WRITES_PER_BLOCK, performance.now() - start)
  }
  const flushEach = await run(1)
  sealMs = 0
  const before = process.cpuUsage()
  const flushMany = await run(BLOCKS_PER_FLUSH)
  const { user, system } = process.cpuUsage(before)
  return { cpuUs: (user + system) / (BLOCKS * WRITES_PER_BLOCK), seal: perSecond(BLOCKS * WRITES_PER_BLOCK, sealMs), flushEach, flushMany, sealMsPerBlock: sealMs / BLOCKS }
}

/** The reference: the same values alone, put in batches of a block, no tree. */
async function plainPuts(database: Database, leaves: number): Promise<number> {
  const numbers = keyNumbers(leaves)
  const start = performance.now()
  for (let block = 0; block < BLOCKS; block++) {
    await database.write(Array.from({ length: WRITES_PER_BLOCK }, (_, i) => ({ key: keyOf(numbers[block * WRITES_PER_BLOCK + i]!), value: value() })), { sync: false })
  }
  return perSecond(BLOCKS * WRITES_PER_BLOCK, performance.now() - start)
}

function proofs(state: WorldState, leaves: number): { readonly prove: number; readonly verify: number } {
  const keys = Array.from({ length: 1000 }, () => keyOf(Math.floor(Math.random() * leaves * 2)))
  const view = state.view()
  const start = performance.now()
  const made = keys.map((key) => ({ key, ...view.prove(key) }))
  const between = performance.now()
  const { root } = view
  for (const { key, value, proof } of made) if (!verifyStateProof(root, key, value, proof)) throw new Error('a proof fails')
  return { prove: (between - start), verify: (performance.now() - between) }
}

async function reads(state: WorldState, leaves: number): Promise<number> {
  const keys = Array.from({ length: 50_000 }, () => keyOf(Math.floor(Math.random() * leaves)))
  const view = state.view()
  const start = performance.now()
  for (const key of keys) view.get(key)
  return ((performance.now() - start) / keys.length) * 1000
}

async function measure(name: string, leaves: number, database: Database, reference: number): Promise<void> {
  const state = openWorldState(database, { chain, sync: false })
  const filled = await fill(state, leaves)
  const { seal, flushEach, flushMany, sealMsPerBlock, cpuUs } = await updates(state, leaves)
  const proof = proofs(state, leaves)
  const read = await reads(state, leaves)
  const verifyStart = performance.now()
  await state.verifyAll()
  const verifyUs = ((performance.now() - verifyStart) / leaves) * 1000
  const ratio = (figure: number): string => `${figure} (${(figure / reference).toFixed(2)})`
  console.log([name, leaves, filled, ratio(seal), sealMsPerBlock.toFixed(2), ratio(flushEach), ratio(flushMany), cpuUs.toFixed(0), read.toFixed(1), proof.prove.toFixed(0), proof.verify.toFixed(0), verifyUs.toFixed(1), Math.round(process.memoryUsage().rss / 2 ** 20)].join(' | '))
  await state.close()
}

const sizes = process.argv.slice(2).map(Number)
const dir = mkdtempSync(join(tmpdir(), 'stele-bench-'))
try {
  console.log(`writes/s, blocks of ${WRITES_PER_BLOCK} over all leaves, ${VALUE_BYTES}-byte values; in brackets the share of plain classic-level batch puts of the same values`)
  console.log(`store | leaves | first fill | into a layer with root | ms a block | and flushed each block | flushed every ${BLOCKS_PER_FLUSH} | CPU µs a write then, all threads | read µs | prove µs | verify µs | verifyAll µs/key | RSS MiB`)
  for (const leaves of sizes.length === 0 ? [100_000] : sizes) {
    const plain = await openDatabase(join(dir, `plain-${leaves}`))
    for (let n = 0; n < leaves; n += 10_000) await plain.write(Array.from({ length: 10_000 }, (_, i) => ({ key: keyOf(n + i), value: value() })), { sync: false })
    const reference = await plainPuts(plain, leaves)
    console.log(`plain classic-level puts: ${reference}`)
    await plain.close()
    await measure('memory', leaves, memoryDatabase(), reference)
    await measure('classic-level', leaves, await openDatabase(join(dir, `state-${leaves}`)), reference)
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
