// Goal: every example of the JSON-RPC 2.0 specification (§7) answers as specified, over HTTP, on a running node (issue "Shows" 5).
// Method: the raw texts of the specification, posted to a process; `data` of errors is ours and is set aside for the comparison.
import t from 'tap'
import { startProcesses } from '../helpers/dev.ts'

const processes = await startProcesses(t.testdir(), 1)
t.teardown(() => processes.stop())
const { rpc } = processes.nodes[0]!

const error = (code: number, message: string, id: unknown = null): unknown => ({ jsonrpc: '2.0', error: { code, message }, id })
const ok = (result: unknown, id: unknown): unknown => ({ jsonrpc: '2.0', result, id })
const PARSE = error(-32700, 'Parse error')
const INVALID = error(-32600, 'Invalid Request')
const NOTHING = undefined

const EXAMPLES: readonly (readonly [string, string, unknown])[] = [
  ['positional parameters', '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', ok(19, 1)],
  ['positional parameters, swapped', '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}', ok(-19, 2)],
  ['named parameters', '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}', ok(19, 3)],
  ['named parameters, swapped', '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}', ok(19, 4)],
  ['a notification', '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', NOTHING],
  ['a notification of an unknown method', '{"jsonrpc": "2.0", "method": "foobar"}', NOTHING],
  ['a method that does not exist', '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', error(-32601, 'Method not found', '1')],
  ['invalid JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', PARSE],
  ['an invalid request object', '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID],
  ['a batch of invalid JSON', '[\n  {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},\n  {"jsonrpc": "2.0", "method"\n]', PARSE],
  ['an empty batch', '[]', INVALID],
  ['an invalid batch that is not empty', '[1]', [INVALID]],
  ['an invalid batch', '[1,2,3]', [INVALID, INVALID, INVALID]],
  ['a batch', `[
    {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
    {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
    {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
    {"foo": "boo"},
    {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
    {"jsonrpc": "2.0", "method": "get_data", "id": "9"} ]`,
  [ok(7, '1'), ok(19, '2'), INVALID, error(-32601, 'Method not found', '5'), ok(['hello', 5], '9')]],
  ['a batch of notifications', '[ {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]} ]', NOTHING],
]

/** The answer without our `error.data`, which the specification leaves to the server. */
function bare(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(bare)
  const { error: fault, ...rest } = answer as { error?: { code: number; message: string } }
  return fault === undefined ? rest : { ...rest, error: { code: fault.code, message: fault.message } }
}

for (const [title, body, expected] of EXAMPLES) {
  t.test(`${title} as in the specification`, async (t) => {
    const response = await fetch(`${rpc}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const text = await response.text()
    if (expected === NOTHING) {
      t.equal(text, '', 'no answer')
      t.equal(response.status, 204)
    } else {
      t.equal(response.status, 200)
      t.same(bare(JSON.parse(text)), expected)
    }
  })
}
