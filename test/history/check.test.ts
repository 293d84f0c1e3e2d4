// Goal: the checker says what linearizability means, whatever way its search takes. Method: small histories drawn at random are compared with the definition itself (try every order);
// hand-made ones show each kind of operation; limits end a search that would be long.
import fc from 'fast-check'
import t from 'tap'
import { checkHistory, limitsOf } from './check.ts'
import { keyValue, register } from './models.ts'
import type { Model } from './models.ts'
import type { Operation, Outcome, Request, Value } from './operation.ts'

const LIMITS = limitsOf({ seconds: undefined, memoryBytesMax: 2 ** 26 })
const ok = (value: Value = null): Outcome => ({ type: 'ok', value })
const FAIL: Outcome = { type: 'fail' }
const UNKNOWN: Outcome = { type: 'unknown' }

/** Operations with their places given as [call, return]. */
function operation(request: Request, outcome: Outcome, [call, end]: readonly [number, number], key = ''): Operation {
  return { process: 0, key, request, outcome, call, return: outcome.type === 'unknown' ? Infinity : end }
}
const verdictOf = (model: Model, ...operations: Operation[]): string => checkHistory({ form: 'test', model, operations }, LIMITS).verdict

t.test('a register', async (t) => {
  const write = operation({ f: 'write', value: 1 }, ok(), [0, 3])
  t.equal(verdictOf(register), 'linearizable', 'nothing happened')
  t.equal(verdictOf(register, write, operation({ f: 'read' }, ok(null), [1, 2])), 'linearizable', 'a read beside a write may see the old value')
  t.equal(verdictOf(register, write, operation({ f: 'read' }, ok(null), [4, 5])), 'not-linearizable', 'a read after it may not')
  t.equal(verdictOf(register, write, operation({ f: 'read' }, ok(1), [1, 2]), operation({ f: 'read' }, ok(null), [4, 5])), 'not-linearizable', 'what was seen once stays seen')
  t.equal(verdictOf(register, write, operation({ f: 'cas', from: 1, to: 2 }, ok(), [4, 5]), operation({ f: 'cas', from: 1, to: 3 }, FAIL, [6, 7]), operation({ f: 'read' }, ok(2), [8, 9])), 'linearizable')
  t.equal(verdictOf(register, write, operation({ f: 'cas', from: 1, to: 2 }, FAIL, [4, 5])), 'not-linearizable', 'a condition that held cannot have failed')
  t.equal(verdictOf(register, write, operation({ f: 'delete' }, ok(), [4, 5]), operation({ f: 'delete' }, FAIL, [6, 7])), 'linearizable', 'what is gone cannot be deleted again')
  t.equal(verdictOf(register, write, operation({ f: 'delete' }, FAIL, [4, 5])), 'not-linearizable')
})

t.test('an unknown operation may happen late or never, and only once', async (t) => {
  const lost = operation({ f: 'write', value: 1 }, UNKNOWN, [0, 0])
  t.equal(verdictOf(register, lost, operation({ f: 'read' }, ok(null), [1, 2])), 'linearizable', 'never')
  t.equal(verdictOf(register, lost, operation({ f: 'read' }, ok(null), [1, 2]), operation({ f: 'read' }, ok(1), [3, 4])), 'linearizable', 'late')
  t.equal(verdictOf(register, lost, operation({ f: 'read' }, ok(1), [1, 2]), operation({ f: 'read' }, ok(null), [3, 4])), 'not-linearizable', 'not undone')
  const other = operation({ f: 'write', value: 2 }, ok(), [5, 6])
  t.equal(verdictOf(register, lost, operation({ f: 'read' }, ok(1), [1, 2]), other, operation({ f: 'read' }, ok(1), [7, 8])), 'not-linearizable', 'not twice')
})

t.test('texts by key', async (t) => {
  const append = (value: string, places: readonly [number, number], key = ''): Operation => operation({ f: 'append', value }, ok(), places, key)
  t.equal(verdictOf(keyValue, append('a', [0, 3]), append('b', [1, 2]), operation({ f: 'read' }, ok('ba'), [4, 5])), 'linearizable')
  t.equal(verdictOf(keyValue, append('a', [0, 1]), append('b', [2, 3]), operation({ f: 'read' }, ok('ba'), [4, 5])), 'not-linearizable')
  t.equal(verdictOf(keyValue, append('a', [0, 1], 'x'), operation({ f: 'read' }, ok(''), [2, 3], 'y')), 'linearizable', 'keys have nothing to do with each other')
})

t.test('what is not linearizable is explained: the key and what could not come next', async (t) => {
  const stale = operation({ f: 'read' }, ok(null), [4, 5], 'b')
  const { troubles } = checkHistory({ form: 'test', model: register, operations: [operation({ f: 'write', value: 1 }, ok(), [0, 1], 'a'), operation({ f: 'write', value: 1 }, ok(), [2, 3], 'b'), stale] }, LIMITS)
  t.strictSame(troubles, [{ key: 'b', operations: 2, explained: 1, stuckAt: [stale] }])
})

/** Sixteen writes at once, then a read of a value nobody wrote: every subset of the writes has to be tried. */
const hard = [...Array.from({ length: 16 }, (_, i) => operation({ f: 'append', value: String.fromCharCode(97 + i) }, ok(), [i, 100 + i])), operation({ f: 'read' }, ok('?'), [200, 201])]

t.test('limits of memory and time end a search as undecided', async (t) => {
  const history = { form: 'test', model: keyValue, operations: hard }
  t.equal(checkHistory(history, { ...LIMITS, memoryBytesMax: 2 ** 20 }).verdict, 'undecided')
  let now = 0
  const late = checkHistory(history, { ...LIMITS, nowMs: () => now++, deadlineMs: 5 })
  t.equal(late.verdict, 'undecided')
  t.strictSame(late.undecidedKeys, [''])
})

t.test('one part that cannot be explained is answer enough', async (t) => {
  const operations = [...hard, operation({ f: 'read' }, ok('x'), [0, 1], 'other')].sort((a, b) => a.call - b.call)
  const { verdict, steps } = checkHistory({ form: 'test', model: keyValue, operations }, LIMITS)
  t.equal(verdict, 'not-linearizable')
  t.ok(steps < 1_000_000, `${steps} steps`)
})

/** The definition: some order of all known and some of the unknown operations that keeps the order of time and that the model allows. */
function isLinearizable(operations: readonly Operation[], model: Model, state: Value): boolean {
  if (operations.every((each) => each.outcome.type === 'unknown')) return true
  const firstReturn = Math.min(...operations.map((each) => each.return))
  return operations.some((each, i) => {
    const next = each.call < firstReturn ? model.step(state, each) : undefined
    return next !== undefined && isLinearizable(operations.toSpliced(i, 1), model, next)
  })
}

const small = fc.integer({ min: 0, max: 2 })
const drawn = fc.oneof(
  fc.record({ request: fc.constant<Request>({ f: 'read' }), outcome: fc.oneof(small.map(ok), fc.constant(ok(null))) }),
  fc.record({ request: small.map((value): Request => ({ f: 'write', value })), outcome: fc.constantFrom(ok(), UNKNOWN) }),
  fc.record({ request: fc.tuple(small, small).map(([from, to]): Request => ({ f: 'cas', from, to })), outcome: fc.constantFrom(ok(), FAIL, UNKNOWN) }),
  fc.record({ request: fc.constant<Request>({ f: 'delete' }), outcome: fc.constantFrom(ok(), FAIL, UNKNOWN) }),
)

t.test('the search agrees with the definition on histories drawn at random', async (t) => {
  const seen = { true: 0, false: 0 }
  const places = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 14, maxLength: 14 })
  fc.assert(fc.property(fc.array(drawn, { minLength: 2, maxLength: 7 }), places, (parts, at) => {
    const operations = parts.map(({ request, outcome }, i) => operation(request, outcome, [Math.min(at[2 * i]!, at[2 * i + 1]!), Math.max(at[2 * i]!, at[2 * i + 1]!)])).sort((a, b) => a.call - b.call)
    const expected = isLinearizable(operations, register, register.initial)
    seen[`${expected}`]++
    return verdictOf(register, ...operations) === (expected ? 'linearizable' : 'not-linearizable')
  }), { numRuns: 4000, seed: 20261121 })
  t.ok(seen.true > 500 && seen.false > 500, `${seen.true} linearizable, ${seen.false} not`)
})
