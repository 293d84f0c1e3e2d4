import t from 'tap'
import fc from 'fast-check'
import { toHex, utf8Bytes } from '../../primitives/bytes.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import { firstDifference, STATE_LIMITS } from '../../state/overlay.ts'
import { openWorldState, type WorldState } from '../../state/world-state.ts'

const chain = new Uint8Array(32).fill(7)
const b = utf8Bytes
const text = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : Buffer.from(bytes).toString())
const world = (): WorldState => openWorldState(memoryDatabase(), { chain })
const at = (height: number) => ({ height, appliedIndex: height, blockHash: new Uint8Array(32).fill(height) })

function layerOf(state: WorldState, entries: Record<string, string | null>, parent?: ReturnType<WorldState['newLayer']>): ReturnType<WorldState['newLayer']> {
  const layer = state.newLayer(parent)
  const store = layer.store()
  for (const [key, value] of Object.entries(entries)) {
    if (value === null) store.delete(b(key))
    else store.put(b(key), b(value))
  }
  layer.seal()
  return layer
}

t.test('misuse is refused: writing a sealed layer, unbalanced savepoints, a layer on an open one, keys and values over the limits', async (t) => {
  const state = world()
  const layer = state.newLayer()
  const store = layer.store()
  t.throws(() => layer.root, { code: 'INVARIANT_BROKEN' })
  t.throws(() => state.newLayer(layer), { code: 'INVARIANT_BROKEN' })
  t.throws(() => store.commit(), { code: 'INVARIANT_BROKEN' })
  t.throws(() => store.rollback(), { code: 'INVARIANT_BROKEN' })
  store.begin()
  t.throws(() => layer.seal(), { code: 'INVARIANT_BROKEN' })
  store.rollback()
  t.throws(() => store.put(new Uint8Array(0), b('')), { code: 'STATE_LIMIT' })
  t.throws(() => store.put(new Uint8Array(STATE_LIMITS.keyBytesMax + 1), b('')), { code: 'STATE_LIMIT' })
  t.throws(() => store.put(b('k'), new Uint8Array(STATE_LIMITS.valueBytesMax + 1)), { code: 'STATE_LIMIT' })
  store.put(new Uint8Array(STATE_LIMITS.keyBytesMax), new Uint8Array(STATE_LIMITS.valueBytesMax))
  layer.seal()
  t.throws(() => store.put(b('k'), b('v')), { code: 'INVARIANT_BROKEN' })
  t.same(layer.seal().root, layer.root, 'sealing again changes nothing')
})

t.test('a layer sees its own writes, then its parents, then the durable state; a removal hides what lies below', async (t) => {
  const state = world()
  const one = layerOf(state, { a: '1', b: '1', c: '1' })
  await state.flush([one], at(1))
  const two = layerOf(state, { b: '2', c: null })
  const three = layerOf(state, { c: '3' }, two)
  t.same(['a', 'b', 'c'].map((key) => text(two.get(b(key)))), ['1', '2', undefined])
  t.same(['a', 'b', 'c'].map((key) => text(three.get(b(key)))), ['1', '2', '3'])
  t.same(['a', 'b', 'c'].map((key) => text(state.view().get(b(key)))), ['1', '1', '1'])
  t.same([...two.writes()].map(({ key, value }) => [text(key), text(value)]), [['b', '2'], ['c', undefined]])
})

t.test('rolling back leaves what a savepoint found, also nested and after a commit inside', async (t) => {
  const state = world()
  const layer = state.newLayer()
  const store = layer.store()
  store.put(b('a'), b('1'))
  store.begin()
  store.put(b('a'), b('2'))
  store.put(b('b'), b('2'))
  store.begin()
  store.delete(b('a'))
  store.commit()
  t.equal(store.get(b('a')), undefined)
  store.rollback()
  t.equal(text(store.get(b('a'))), '1')
  t.equal(store.get(b('b')), undefined)
  t.equal(layer.seal().writes, 1, 'an undone write is no write')
})

t.test('whatever is written, committed and rolled back, the layer equals a plain map that was copied at each savepoint', async (t) => {
  const step = fc.oneof(
    fc.tuple(fc.constant('put' as const), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 3 })),
    fc.tuple(fc.constant('delete' as const), fc.integer({ min: 0, max: 9 }), fc.constant(0)),
    fc.tuple(fc.constantFrom('begin' as const, 'commit' as const, 'rollback' as const), fc.constant(0), fc.constant(0)),
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const store = world().newLayer().store()
    let now = new Map<number, number>()
    const saved: Map<number, number>[] = []
    for (const [kind, key, value] of steps) {
      if (kind === 'put') { store.put(Uint8Array.of(key), Uint8Array.of(value)); now.set(key, value) }
      else if (kind === 'delete') { store.delete(Uint8Array.of(key)); now.delete(key) }
      else if (kind === 'begin') { store.begin(); saved.push(new Map(now)) }
      else if (saved.length > 0) {
        const before = saved.pop()!
        if (kind === 'commit') store.commit()
        else { store.rollback(); now = before }
      }
    }
    for (let key = 0; key < 10; key++) if (store.get(Uint8Array.of(key))?.[0] !== now.get(key)) throw new Error(`key ${key}`)
  }), { numRuns: 200 })
})

t.test('equal writes give equal roots whether they come as one block, as many layers, or over a flushed state', async (t) => {
  const entries = Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`k${n}`, `v${n}`]))
  const one = layerOf(world(), entries)
  const state = world()
  let top: ReturnType<WorldState['newLayer']> | undefined
  for (const [n, [key, value]] of Object.entries(entries).entries()) {
    top = layerOf(state, { [key]: value, noise: n === 89 ? null : String(n) }, top)
    if (n % 20 === 10) await state.flush([...chainOf(top)], at(n))
  }
  t.equal(toHex(top!.root), toHex(one.root))
})

function chainOf(layer: ReturnType<WorldState['newLayer']>): ReturnType<WorldState['newLayer']>[] {
  const below = layer.parent()
  return below === undefined ? [layer] : [...chainOf(below), layer]
}

t.test('competitors of a flushed layer, and what stands on dropped ones, are stale; successors go on', async (t) => {
  const state = world()
  const winner = layerOf(state, { a: 'winner' })
  const loser = layerOf(state, { a: 'loser' })
  const afterLoser = layerOf(state, { b: '1' }, loser)
  const afterWinner = layerOf(state, { b: '2' }, winner)
  const openAfterWinner = state.newLayer(afterWinner)
  await state.flush([winner], at(1))
  t.throws(() => loser.get(b('b')), { code: 'STATE_LAYER_STALE' })
  t.throws(() => afterLoser.get(b('c')), { code: 'STATE_LAYER_STALE' })
  await t.rejects(state.flush([loser], at(2)), { code: 'STATE_LAYER_STALE' })
  t.equal(text(afterWinner.get(b('a'))), 'winner')
  t.equal(text(winner.get(b('a'))), 'winner', 'the newest flushed layer is the durable state')
  await state.flush([afterWinner], at(2))
  t.throws(() => winner.get(b('a')), { code: 'STATE_LAYER_STALE' })
  t.equal(text(openAfterWinner.get(b('b'))), '2')
  const fork = layerOf(state, { x: '1' })
  const onFork = layerOf(state, {}, fork)
  fork.drop()
  t.throws(() => onFork.get(b('a')), { code: 'STATE_LAYER_STALE' })
  t.throws(() => state.newLayer(fork), { code: 'STATE_LAYER_STALE' })
})

t.test('a flush of no layer moves the position on and leaves all layers valid', async (t) => {
  const state = world()
  const flushed = layerOf(state, { a: '0' })
  await state.flush([flushed], at(1))
  const one = layerOf(state, { a: '1' })
  const upon = state.newLayer(flushed)
  await state.flush([], { ...at(1), appliedIndex: 9 })
  t.equal(state.appliedIndex, 9)
  t.equal(text(flushed.get(b('a'))), '0')
  t.equal(text(upon.get(b('a'))), '0')
  t.equal(one.get(b('zzz')), undefined)
  await state.flush([one], at(10))
  t.equal(text(state.view().get(b('a'))), '1')
})

t.test('a layer forked from the middle of a flush is stale', async (t) => {
  const state = world()
  const one = layerOf(state, { a: '1' })
  const two = layerOf(state, { a: '2' }, one)
  const fork = layerOf(state, { c: '1' }, one)
  await state.flush([one, two], at(2))
  t.throws(() => fork.get(b('a')), { code: 'STATE_LAYER_STALE' })
})

t.test('the first key on which two write sets differ is found, in byte order', async (t) => {
  const state = world()
  const mine = layerOf(state, { a: '1', b: '2', c: null })
  t.equal(firstDifference(mine.writes(), layerOf(state, { c: null, a: '1', b: '2' }).writes()), undefined)
  t.equal(text(firstDifference(mine.writes(), layerOf(state, { a: '1', b: '3', c: '0' }).writes())?.key), 'b')
  t.equal(text(firstDifference(mine.writes(), layerOf(state, { a: '1', b: '2', c: '' }).writes())?.key), 'c', 'removed is not empty')
  t.equal(text(firstDifference(mine.writes(), layerOf(state, { b: '2', c: null }).writes())?.key), 'a')
})
