import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { concatBytes, toHex, u64Bytes, utf8Bytes } from '../../primitives/bytes.ts'
import { errorCode } from '../../primitives/error.ts'
import { EMPTY_STATE_ROOT, verifyStateProof } from '../../primitives/state-proof.ts'
import { type Database, openDatabase } from '../../state/database.ts'
import { rowKey } from '../../state/keyspace.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import type { Layer } from '../../state/overlay.ts'
import { openWorldState, type WorldState } from '../../state/world-state.ts'

const chain = new Uint8Array(32).fill(7)
const b = utf8Bytes
const text = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : Buffer.from(bytes).toString())
const at = (height: number) => ({ height, appliedIndex: 10 * height, blockHash: new Uint8Array(32).fill(height) })

function layerOf(state: WorldState, entries: Record<string, string | null>, parent?: Layer): Layer {
  const layer = state.newLayer(parent)
  const store = layer.store()
  for (const [key, value] of Object.entries(entries)) {
    if (value === null) store.delete(b(key))
    else store.put(b(key), b(value))
  }
  layer.seal()
  return layer
}

const many = (count: number, value: string): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, n) => [`key ${n}`, value]))

/** A database whose writes wait for `release`, or fail. */
function held(inner: Database): { database: Database; release(): void; fail: boolean } {
  let release = (): void => {}
  const control = {
    fail: false,
    release: () => release(),
    database: {
      view: () => inner.view(),
      write: async (operations, options) => {
        if (control.fail) throw new Error('disk full')
        await new Promise<void>((resolve) => { release = resolve })
        await inner.write(operations, options)
      },
      compact: (range) => inner.compact(range),
      sizeBytes: () => inner.sizeBytes(),
      close: () => inner.close(),
    } satisfies Database,
  }
  return control
}

t.test('room is given back piece by piece while receipts are deleted, and a stop waits for one piece', async (t) => {
  const inner = memoryDatabase()
  const abort = new AbortController()
  const compacted: string[] = []
  let stopAt = Infinity
  const database: Database = {
    view: () => inner.view(), write: (operations, options) => inner.write(operations, options), sizeBytes: () => inner.sizeBytes(), close: () => inner.close(),
    compact: async ({ from, to }) => {
      compacted.push(`${toHex(from)} ${toHex(to)}`)
      if (compacted.length === stopAt) abort.abort(new Error('stopping'))
    },
  }
  const receiptsOf = async (count: number): Promise<WorldState> => {
    const state = openWorldState(database, { chain })
    await state.flush([layerOf(state, {})], at(count + 1))
    // Ten rows of 100 bytes at each height.
    await database.write(Array.from({ length: 10 * count }, (_, n) => ({ key: rowKey('receipts', concatBytes(u64Bytes(1 + Math.floor(n / 10)), Uint8Array.of(n % 10))), value: new Uint8Array(100) })), { sync: false })
    return state
  }
  const left = async (): Promise<number> => {
    let count = 0
    const view = inner.view()
    for await (const _row of view.range({ from: rowKey('receipts'), to: rowKey('receipts', u64Bytes(2n ** 63n)) })) count++
    await view.close()
    return count
  }
  const state = await receiptsOf(1000)
  t.equal(await state.pruneReceipts(901, new AbortController().signal, 300_000), 9000)
  t.equal(await left(), 1000)
  t.equal(compacted.length, 3, 'two of over 300,000 bytes, and what remains')
  t.equal(compacted[0]!.split(' ')[0], toHex(rowKey('receipts')))
  compacted.forEach((range, i) => { if (i > 0) t.equal(range.split(' ')[0], compacted[i - 1]!.split(' ')[1], 'one goes on where the other ended') })
  t.equal(compacted.at(-1)!.split(' ')[1], toHex(rowKey('receipts', u64Bytes(901))))

  compacted.length = 0
  stopAt = 1
  const again = await receiptsOf(1001)
  await t.rejects(again.pruneReceipts(1000, abort.signal, 100_000), { message: 'stopping' })
  t.equal(compacted.length, 1)
  const rest = await left()
  t.ok(rest > 5000, 'what is not deleted yet goes with the next pruning')
})

t.test('a database of another chain or a newer program is refused', async (t) => {
  const database = memoryDatabase()
  const state = openWorldState(database, { chain })
  await state.flush([layerOf(state, { a: '1' })], at(0))
  t.throws(() => openWorldState(database, { chain: new Uint8Array(32) }), { code: 'STATE_WRONG_CHAIN' })
  const [schema, position] = ['schema', 'position'].map((name) => rowKey('meta', b(name)))
  await database.write([{ key: position!, value: undefined }], { sync: false })
  t.throws(() => openWorldState(database, { chain }), { code: 'STATE_DAMAGED', details: { row: toHex(position!) } })
  await database.write([{ key: schema!, value: Uint8Array.of(0, 0, 0, 3) }, { key: position!, value: b('unreadable') }], { sync: false })
  t.throws(() => openWorldState(database, { chain }), { code: 'STATE_VERSION_UNSUPPORTED', details: { stored: '00000003' } })
})

t.test('a flush that fails leaves state, position and layers as they were', async (t) => {
  const control = held(memoryDatabase())
  const state = openWorldState(control.database, { chain })
  control.fail = true
  const layer = layerOf(state, { a: '1' })
  await t.rejects(state.flush([layer], at(1)), { message: 'disk full' })
  t.equal(state.height, 0)
  t.ok(state.isEmpty)
  t.equal(state.view().get(b('a')), undefined)
  t.equal(text(layer.get(b('a'))), '1')
})

t.test('readers see the old version until the batch is written, then the new one', async (t) => {
  const control = held(memoryDatabase())
  const state = openWorldState(control.database, { chain })
  t.same(state.root, EMPTY_STATE_ROOT)
  const one = layerOf(state, { a: '1' })
  const next = layerOf(state, { b: '1' }, one)
  const flush = state.flush([one], at(1), [{ space: 'receipt', key: b('r'), value: b('receipt') }])
  const oldRows = state.rows()
  t.equal(state.view().get(b('a')), undefined)
  t.same(state.root, EMPTY_STATE_ROOT)
  t.equal(text(next.get(b('a'))), '1', 'layers go on during the flush')
  await t.rejects(state.flush([next], at(2)), { code: 'INVARIANT_BROKEN' })
  control.release()
  await flush
  t.equal(text(state.view().get(b('a'))), '1')
  t.same(state.position, at(1))
  t.same(state.root, one.root)
  t.equal(text(state.rows().get(rowKey('receipt', b('r')))), 'receipt')
  t.not(state.rows(), oldRows)
})

t.test('a reader that awaits sees one version throughout, while flushes go on', async (t) => {
  const state = openWorldState(memoryDatabase(), { chain })
  await state.flush([layerOf(state, { a: '1' })], at(1))
  const key = rowKey('value', b('a'))
  const stale = state.rows()
  await state.read(async (rows, position) => {
    await state.flush([layerOf(state, { a: '2' })], at(2))
    await state.flush([layerOf(state, { a: '3' })], at(3))
    t.equal(text(rows.get(key)), '1')
    t.equal(position.height, 1)
  })
  t.throws(() => stale.get(key), { code: 'STATE_VIEW_CLOSED' })
  t.equal(text(state.rows().get(key)), '3')
  await state.close()
  await t.rejects(state.read(async () => {}), { code: 'INVARIANT_BROKEN' })
})

t.test('positions never go back', async (t) => {
  const state = openWorldState(memoryDatabase(), { chain })
  await state.flush([layerOf(state, {})], at(2))
  await t.rejects(state.flush([layerOf(state, {})], at(1)), { code: 'INVARIANT_BROKEN' })
})

t.test('a sealed layer and the durable state prove presence and absence under their own roots', async (t) => {
  const state = openWorldState(memoryDatabase(), { chain, nodeCacheBytes: 2000, valueCacheBytes: 600 })
  const one = layerOf(state, many(500, 'old'))
  await state.flush([one], at(1))
  const two = layerOf(state, { ...many(100, 'new'), 'key 400': null })
  for (const [view, values] of [[state.view(), ['old', 'old']], [state.viewOf(two), ['new', undefined]]] as const) {
    for (const [key, expected] of [['key 7', values[0]], ['key 400', values[1]], ['never', undefined]] as const) {
      const { value, proof } = view.prove(b(key))
      t.equal(text(value), expected)
      t.ok(verifyStateProof(view.root, b(key), value, proof), key)
      t.notOk(verifyStateProof(view.root, b(key), b('other'), proof))
    }
  }
})

t.test('everything verifies after many blocks; a removed value, an altered value and a lost node are named', async (t) => {
  const database = memoryDatabase()
  const state = openWorldState(database, { chain })
  let layers: Layer[] = []
  for (let height = 1; height <= 12; height++) {
    layers.push(layerOf(state, { ...many(30 * height, String(height)), [`key ${height}`]: null }, layers.at(-1)))
    if (height % 4 === 0) {
      await state.flush(layers, at(height))
      layers = []
    }
  }
  t.match(await state.verifyAll(), { height: 12, values: 359 })
  const sync = { sync: false }
  const key = rowKey('value', b('key 100'))
  const row = state.rows().get(key)!
  await database.write([{ key, value: b('forged') }], sync)
  await t.rejects(state.verifyAll(), { code: 'STATE_DAMAGED', details: { key: toHex(b('key 100')) } })
  await database.write([{ key, value: undefined }], sync)
  await t.rejects(state.verifyAll(), { code: 'STATE_DAMAGED', details: { lostKeyHash: /^[0-9a-f]{64}$/ } })
  await database.write([{ key, value: row }, { key: rowKey('value', b('extra')), value: b('x') }], sync)
  await t.rejects(state.verifyAll(), { code: 'STATE_DAMAGED', details: { key: toHex(b('extra')) } })
  await database.write([{ key: rowKey('value', b('extra')), value: undefined }, { key: rowKey('node', b('a')), value: undefined }], sync)
  await t.rejects(state.verifyAll(), { code: 'STATE_DAMAGED', details: { treePath: /^a/ } })
  const reopened = openWorldState(database, { chain })
  t.throws(() => layerOf(reopened, many(300, 'z')), { code: 'STATE_DAMAGED', details: { treePath: 'a' } }, 'and a block over the damage stops instead of computing a wrong root')
  await database.write([{ key: rowKey('node'), value: undefined }], sync)
  t.throws(() => openWorldState(database, { chain }), { code: 'STATE_DAMAGED', details: { treePath: '(root)' } })
})

t.test('a damaged value is not proved', async (t) => {
  const database = memoryDatabase()
  const state = openWorldState(database, { chain })
  await state.flush([layerOf(state, { a: '1' })], at(1))
  await database.write([{ key: rowKey('value', b('a')), value: b('2') }], { sync: false })
  const reopened = openWorldState(database, { chain })
  t.throws(() => reopened.view().prove(b('a')), { code: 'STATE_DAMAGED', details: { key: '61' } })
})

const open = async (t: Test): Promise<{ state: WorldState; path: string }> => {
  const path = join(t.testdir({}), 'db')
  return { state: openWorldState(await openDatabase(path), { chain, sync: false }), path }
}

t.test('what was flushed is there after closing and opening again, on classic-level', async (t) => {
  const { state, path } = await open(t)
  const one = layerOf(state, many(200, '1'))
  const two = layerOf(state, { ...many(50, '2'), 'key 199': null }, one)
  await state.flush([one, two], at(2))
  await state.close()
  await state.close()
  const again = openWorldState(await openDatabase(path), { chain })
  t.same(again.position, at(2))
  t.same(again.root, two.root.length === 32 ? again.root : undefined)
  t.equal(text(again.view().get(b('key 3'))), '2')
  t.equal(again.view().get(b('key 199')), undefined)
  t.notOk(again.isEmpty)
  t.match(await again.verifyAll(), { height: 2, values: 199 })
  await again.close()
})

t.test('a flipped byte anywhere in the table files ends in a typed error or changes nothing that is read', async (t) => {
  const { state, path } = await open(t)
  await state.flush([layerOf(state, many(400, 'value'))], at(1))
  const { root } = state
  await state.close()
  // A reopening moves the log into table files.
  await (await openDatabase(path)).close()
  const table = readdirSync(path).find((name) => name.endsWith('.ldb'))!
  const bytes = readFileSync(join(path, table))
  let named = 0
  const spots = 16
  for (let spot = 0; spot < spots; spot++) {
    const copy = `${path}-${spot}`
    cpSync(path, copy, { recursive: true })
    const damaged = Buffer.from(bytes)
    damaged[Math.floor(((spot + 0.37) * bytes.length) / spots)]! ^= 0x10
    writeFileSync(join(copy, table), damaged)
    let database: Database | undefined
    try {
      database = await openDatabase(copy)
      const again = openWorldState(database, { chain })
      t.match(await again.verifyAll(), { values: 400 })
      t.same(again.root, root)
    } catch (error) {
      named++
      t.match(errorCode(error), /^STATE_/, `spot ${spot}`)
    }
    await database?.close()
  }
  t.ok(named > spots * 0.8, `${named} of ${spots} found; the rest fell on checksums and padding that nothing reads`)
})

t.test('after kill -9 the position, the values and the root belong together, and replaying from there gives the roots of an undisturbed run', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'db')
  const module = (name: string): string => JSON.stringify(new URL(`../../${name}`, import.meta.url).href)
  const program = `
    const { openDatabase } = await import(${module('state/database.ts')})
    const { openWorldState } = await import(${module('state/world-state.ts')})
    export const block = (state, parent, height) => {
      const layer = state.newLayer(parent), store = layer.store()
      for (let k = 0; k < 40; k++) store.put(Buffer.from('key ' + (height * 17 + k * k) % 500), Buffer.from('v' + height))
      store.delete(Buffer.from('key ' + height % 500))
      layer.seal()
      return layer
    }
    const state = openWorldState(await openDatabase(${JSON.stringify(path)}), { chain: new Uint8Array(32).fill(7), sync: false })
    for (let height = 1; ; height += 2) {
      const one = block(state, undefined, height), two = block(state, one, height + 1)
      await state.flush([one, two], { height: height + 1, appliedIndex: 10 * (height + 1), blockHash: new Uint8Array(32) })
      process.stdout.write((height + 1) + '\\n')
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
    if (output.length > 600) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const answered = Number(output.trim().split('\n').at(-1))
  const state = openWorldState(await openDatabase(path), { chain })
  t.ok(state.height >= answered, 'nothing answered is lost')
  t.equal(state.appliedIndex, 10 * state.height)
  t.match(await state.verifyAll(), { height: state.height })
  const reference = openWorldState(memoryDatabase(), { chain })
  const replay = (target: WorldState, parent: Layer | undefined, height: number): Layer => {
    const layer = target.newLayer(parent)
    const store = layer.store()
    for (let k = 0; k < 40; k++) store.put(b(`key ${(height * 17 + k * k) % 500}`), b(`v${height}`))
    store.delete(b(`key ${height % 500}`))
    layer.seal()
    return layer
  }
  let parent: Layer | undefined
  for (let height = 1; height <= state.height; height++) parent = replay(reference, parent, height)
  t.equal(toHex(state.root), toHex(parent!.root))
  t.equal(toHex(replay(state, undefined, state.height + 1).root), toHex(replay(reference, parent, state.height + 1).root))
  await state.close()
})
