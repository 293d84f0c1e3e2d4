// Goal: histories of all three forms are read as they were meant, and whatever is malformed is refused by line and reason. Method: small files.
import t from 'tap'
import { decodeText, parseHistory } from './parse.ts'
import type { Operation } from './operation.ts'

const short = ({ process, key, request, outcome, call, return: end }: Operation): unknown[] => [process, key, request, outcome, call, end]
const log = (...events: string[]): string => events.map((event) => `INFO  jepsen.util - ${event}\n`).join('')
const ours = (...events: object[]): string => [{ history: 'stele', version: 1, model: 'register' }, ...events].map((event) => `${JSON.stringify(event)}\n`).join('')

t.test('the log of a Jepsen test', async (t) => {
  const text = log('0\t:invoke\t:read\tnil', '10 :invoke :cas    [3 -1]', '0\t:ok\t:read\t4', '1\t:invoke\t:write\t7', '10 :fail   :cas    [3 -1]', '1\t:info\t:write\t:timed-out', '2 :invoke :read nil', '2 :fail :read :timed-out', ':nemesis\t:info\t:start\tnil', '3 :invoke :write 8')
  t.strictSame(parseHistory(`INFO  jepsen.core - Running test\r\n${text}`).operations.map(short), [
    [0, '', { f: 'read' }, { type: 'ok', value: 4 }, 0, 2],
    [10, '', { f: 'cas', from: 3, to: -1 }, { type: 'fail' }, 1, 4],
    [1, '', { f: 'write', value: 7 }, { type: 'unknown' }, 3, Infinity],
    [3, '', { f: 'write', value: 8 }, { type: 'unknown' }, 6, Infinity],
  ], 'a failed read saw nothing; what is open at the end is unknown')
  t.strictSame(parseHistory(log('0 :invoke :cas [1 2]', '0 :fail :cas :timed-out')).operations, [], 'a cas that failed for another reason than its condition says nothing')
})

t.test('key-value events', async (t) => {
  const text = '{:process 0, :type :invoke, :f :append, :key "k", :value "a \\"b\\""}\n{:process 1, :type :invoke, :f :get, :key "k", :value nil}\n{:process 0, :type :ok, :f :append, :key "k", :value "a \\"b\\""}\n{:process 1, :type :ok, :f :get, :key "k", :value "x"}\n'
  t.strictSame(parseHistory(text).operations.map(short), [[0, 'k', { f: 'append', value: 'a "b"' }, { type: 'ok', value: null }, 0, 2], [1, 'k', { f: 'read' }, { type: 'ok', value: 'x' }, 1, 3]])
})

t.test('events in EDN however they are written: any order, commas or none, comments, tags, members nobody needs', async (t) => {
  const plain = '{:process 0, :type :invoke, :f :put, :key "k", :value "a;,}"}\n{:process 0, :type :ok, :f :put, :key "k", :value "a;,}"}\n'
  const odd = '; a history\n\n  { :value "a;,}" :key "k", :f :put :type :invoke :process 0 :index 0, :extra {:a [1 #{2} (3)] :b #inst "2026-01-01"}} ; done\n#jepsen.history.Op{:type :ok,:f :put,:key "k",:value "a;,}",:process 0}\n{:type :info :process :nemesis :f :start :value nil}\n'
  t.strictSame(parseHistory(odd).operations, parseHistory(plain).operations)
  t.equal(parseHistory(odd).form, 'edn')
  const jepsen = '{:type :invoke, :f :write, :value 3, :process 0, :time 10, :index 0}\n{:type :invoke, :f :cas, :value [3 -4], :process 1}\n{:type :ok, :f :write, :value 3, :process 0}\n{:type :fail, :f :cas, :value [3 -4], :process 1, :error :timeout}\n{:type :invoke, :f :read, :value nil, :process 0}\n{:type :ok, :f :read, :value 3, :process 0}\n{:type :invoke, :f :read, :process 0}\n{:type :ok, :f :read, :value nil, :process 0}\n'
  const history = parseHistory(jepsen)
  t.equal(history.model.name, 'register')
  t.strictSame(history.operations.map(short), [[0, '', { f: 'write', value: 3 }, { type: 'ok', value: null }, 0, 2], [0, '', { f: 'read' }, { type: 'ok', value: 3 }, 3, 4], [0, '', { f: 'read' }, { type: 'ok', value: null }, 5, 6]])
})

t.test('our own form', async (t) => {
  const history = parseHistory(ours({ process: 'p', type: 'invoke', f: 'cas', key: 'k', value: [null, 'x'], timeMs: 5 }, { process: 'p', type: 'fail', f: 'cas', key: 'k' }, { process: 'p', type: 'invoke', f: 'delete', key: 'k' }, { process: 'p', type: 'dropped', f: 'delete', key: 'k' }))
  t.strictSame(history.operations.map(short), [['p', 'k', { f: 'cas', from: null, to: 'x' }, { type: 'fail' }, 0, 1]])
  t.equal(history.model.name, 'register')
})

t.test('whole numbers of any size are told apart', async (t) => {
  const large = 2n ** 64n
  const text = log(`${large} :invoke :write ${large}`, `${large + 1n} :invoke :cas [${large} -0]`, `${large} :ok :write 0${large}`, `${large + 1n} :ok :cas [${large} -0]`, '0 :invoke :read nil', '0 :ok :read 0')
  t.strictSame(parseHistory(text).operations.map(({ process, request }) => [process, request]), [[String(large), { f: 'write', value: String(large) }], [String(large + 1n), { f: 'cas', from: String(large), to: 0 }], [0, { f: 'read' }]])
  t.equal(parseHistory('{:process 18446744073709551616, :type :invoke, :f :put, :key "k", :value "v"}\n{:process 18446744073709551617, :type :invoke, :f :put, :key "k", :value "v"}').operations.length, 2)
})

t.test('bytes that are no text are refused by line', async (t) => {
  const bytes = Uint8Array.of(0x61, 0x0a, 0x62, 0xff, 0x0a, 0x63)
  t.throws(() => decodeText(bytes), { code: 'HISTORY_MALFORMED', details: { line: 2, reason: 'the line is not UTF-8' } })
  t.throws(() => decodeText(Uint8Array.of(0x0a, 0xc3)), { code: 'HISTORY_MALFORMED', details: { line: 2 } }, 'a text cut within a letter')
  t.equal(decodeText(new TextEncoder().encode('ä\n')), 'ä\n')
})

const BAD: readonly (readonly [string, string, number, string])[] = [
  ['an empty file', '\n', 1, 'the file is empty'],
  ['another kind of file', 'a,b\n1,2\n', 1, 'neither a Jepsen log, nor events in EDN, nor ours in JSON'],
  ['a torn log line', `${log('0 :invoke :read nil')}INFO  jepsen.util - 0 :o`, 2, 'no line of a Jepsen log'],
  ['a foreign line', `${log('0 :invoke :read nil')}hello`, 2, 'no line of a Jepsen log'],
  ['an operation etcd has not', log('0 :invoke :append 1'), 1, 'an operation other than :read, :write and :cas'],
  ['a value that is no number', log('0 :invoke :write x'), 1, 'the value of an invoked :write'],
  ['two invocations', log('0 :invoke :read nil', '0 :invoke :read nil'), 2, 'the process invokes while its earlier operation is open'],
  ['a completion alone', log('0 :ok :read 1'), 1, 'a completion without an open invocation of this process'],
  ['a completion of another', log('0 :invoke :read nil', '0 :ok :write 1'), 2, 'the completion names another operation than the invocation'],
  ['a torn event', '{:process 0, :type :invoke, :f :get, :key "k", :value', 1, 'no event of the form {:process n, :type :t, :f :f, :key "k", :value "v"}'],
  ['an event in two pieces', '{:process 0, :type :invoke, :f :get, :key "k"} {:a 1}', 1, 'no event of the form {:process n, :type :t, :f :f, :key "k", :value "v"}'],
  ['a member twice', '{:process 0, :type :invoke, :f :get, :key "k", :process 1}', 1, 'no event of the form {:process n, :type :t, :f :f, :key "k", :value "v"}'],
  ['an event nested without end', `{:process 0, :type :invoke, :f :get, :key "k", :value ${'['.repeat(100_000)}`, 1, 'no event of the form {:process n, :type :t, :f :f, :key "k", :value "v"}'],
  ['operations of two models', '{:process 0, :type :invoke, :f :get, :key "k"}\n{:process 1, :type :invoke, :f :cas, :key "k", :value [1 2]}', 2, 'an operation other than :get, :put and :append, or :read, :write and :cas'],
  ['a text that has an escape of no kind', '{:process 0, :type :invoke, :f :put, :key "k", :value "\\q"}', 1, 'a :value that is no text'],
  ['no heading', '{"process":0}\n', 1, 'the first line is no heading {"history":"stele",…}'],
  ['a model nobody knows', '{"history":"stele","version":1,"model":"queue"}', 1, 'the model is none of register, key-value'],
  ['half a line of JSON', `${ours()}{"process":`, 2, 'no JSON object'],
  ['a write that failed', ours({ process: 0, type: 'invoke', f: 'write', key: 'k', value: 1 }, { process: 0, type: 'fail', f: 'write', key: 'k' }), 3, 'only a cas or a delete can fail; what had no effect and saw nothing is dropped'],
  ['a number that JSON cannot tell from its neighbour', ours({ process: 0, type: 'invoke', f: 'write', key: 'k', value: 2 ** 53 }), 2, 'a whole number beyond 2^53; write it as a text'],
  ['a value that is a list', ours({ process: 0, type: 'invoke', f: 'write', key: 'k', value: [1] }), 2, 'a value is a text, a finite number or null'],
]

for (const [what, text, line, reason] of BAD) {
  t.test(`${what} is refused`, async (t) => {
    t.throws(() => parseHistory(text), { code: 'HISTORY_MALFORMED', details: { line, reason } })
  })
}
