// Goal: damage neither ends a node nor lets it serve: it says what is wrong, repairs itself through kill -9, and serves again (REQUIREMENTS L3, DESIGN §5.8).
// Method: three real processes; one bit of one node's ledger is flipped while it is down, and another while it runs.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { verifyData } from '../../node/verify-data.ts'
import { enrolmentOf } from '../helpers/calls.ts'
import { callRpc, eventually, startProcesses } from '../helpers/dev.ts'
import { flipBit, recordsIn } from '../helpers/flip.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)
const SICK = 2
const processes = await startProcesses(testDirectory(t), 3)
const sick = processes.nodes[SICK]!
let child: ChildProcess | undefined
t.teardown(async () => {
  child?.kill('SIGKILL')
  await processes.stop()
})

async function write(i: number): Promise<number> {
  const { transaction } = enrolmentOf(processes.chain, processes.members[i]!)
  const { code, height } = await callRpc(processes.nodes[i]!.rpc, 'tx_send', { transaction: toHex(transaction.bytes), wait: 'final', timeoutMs: 60_000 })
  if (code !== 'OK' || height === null) throw new Error(`not final: ${code}`)
  return height
}

/** Starts the node without waiting until it serves. */
function startSick(): ChildProcess {
  const { NODE_OPTIONS: _preloads, ...env } = process.env
  child = spawn(resolve(import.meta.dirname, '../../node/stele'), ['start', '--config', join(sick.folder, 'config.yaml')], { env, stdio: ['ignore', 'ignore', openSync(join(sick.folder, 'node.log'), 'a')] })
  return child
}

const gone = (which: ChildProcess): Promise<unknown> => new Promise((done) => which.once('exit', done))
const readiness = async (): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${sick.metrics}/readyz`)
  return { status: response.status, text: await response.text() }
}
const nodeInfo = async (): Promise<unknown> => {
  const response = await fetch(`${sick.rpc}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'node_info' }) })
  return ((await response.json()) as { result: unknown }).result
}
const flipBlock = async (height: number): Promise<void> => {
  const { path, payloadOffset } = (await recordsIn(sick.data)).find(({ record }) => record.type === 'entry' && record.entry.height === height)!
  flipBit(path, payloadOffset + 180, 5)
}

t.test('a node with a damaged block stays up, says which height, serves nothing, survives kill -9 in repair, and repairs itself once others are there', async (t) => {
  for (let i = 0; i < 6; i++) await write(i % 3)
  await processes.kill(SICK)
  await flipBlock(3)
  const height = await write(0)
  t.ok(height > 6, 'the others go on')
  await Promise.all([processes.kill(0), processes.kill(1)])
  for (const attempt of [1, 2]) {
    const started = startSick()
    const { status, text } = await eventually(readiness, (answer) => answer.text.includes('repair'), 60_000)
    t.equal(status, 503)
    t.match(text, '[-]mode repair: height 3 damaged')
    await t.rejects(callRpc(sick.rpc, 'cluster_status'), { code: 'NODE_REPAIR', retryable: true }, `attempt ${attempt}: nobody is served`)
    t.match(await nodeInfo(), { node: SICK + 1, mode: 'repair', leader: null })
    const exit = gone(started)
    started.kill('SIGKILL')
    await exit
  }
  startSick()
  await eventually(readiness, (answer) => answer.text.includes('repair'))
  await Promise.all([processes.restart(0), processes.restart(1)])
  await eventually(readiness, ({ status }) => status === 200)
  const log = readFileSync(join(sick.folder, 'node.log'), 'utf8')
  t.match(log, /"height":3[^\n]*"msg":"ledger damaged"|"msg":"ledger damaged"[^\n]*"height":3/)
  t.match(log, /repaired from node [12]/)
  t.equal((await callRpc(sick.rpc, 'chain_block', { height: 3 })).summary.height, 3)
  await write(1)
})

t.test('damage met while running: nothing wrong is served, and the same process repairs itself', async (t) => {
  const { pid } = child!
  // The newest blocks looked at are kept in memory, where no disk harms them; so others are looked at first.
  let newest = 0
  while (newest < 14) newest = await write(0)
  await eventually(() => callRpc(sick.rpc, 'chain_block', { height: newest }), () => true)
  for (let height = 4; height <= newest; height++) await callRpc(sick.rpc, 'chain_block', { height })
  await flipBlock(2)
  await t.rejects(callRpc(sick.rpc, 'chain_block', { height: 2 }))
  await eventually(() => callRpc(sick.rpc, 'chain_block', { height: 2 }), (block) => block.summary.height === 2)
  await eventually(readiness, ({ status }) => status === 200)
  t.equal(child!.pid, pid)
  t.equal(child!.exitCode, null)
  await write(SICK)
  const exit = gone(child!)
  child!.kill('SIGTERM')
  t.equal(await exit, 0)
  const { sound, findings } = await verifyData({ dataDir: sick.data, genesis: readGenesis(processes.genesis), threads: 0 })
  t.same(findings, [])
  t.ok(sound)
})

t.test('SIGTERM ends a node in repair mode with exit code 0', async (t) => {
  await flipBlock(4)
  await Promise.all([processes.kill(0), processes.kill(1)])
  const started = startSick()
  await eventually(readiness, (answer) => answer.text.includes('repair'))
  const exit = gone(started)
  started.kill('SIGTERM')
  t.equal(await exit, 0)
})
