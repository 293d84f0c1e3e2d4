// Goal: a whole process whose program computes other roots than the cluster tries once more from its own disk, then serves nothing and says why on both listeners, over restarts too, until an operator acts (DESIGN §5.6).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { loadConfig } from '../../node/config.ts'
import { Executor } from '../../node/executor.ts'
import { readHold, releaseHold, writeHold } from '../../node/hold.ts'
import { readKeys } from '../../node/keys.ts'
import { NodeProcess } from '../../node/node-process.ts'
import type { Layer, TransactionStore } from '../../state/overlay.ts'
import { createCluster, FAST, lead, until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)
const SICK = 2

/** Another version of a contract, so to say: it writes other accounts. */
class WrongExecutor extends Executor {
  protected override store(layer: Layer): TransactionStore {
    const store = super.store(layer)
    return { ...store, put: (key, value) => store.put(key, key[0] === 2 && key[1] === 1 ? value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte)) : value) }
  }
}

t.test('it is tried again once, then held: nothing is served, node_info and readyz say what is wrong, and it stops in order', async (t) => {
  const cluster = await createCluster(testDirectory(t), 4)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 3].map((i) => cluster.startNode(i)))
  const leader = await lead(cluster, 0)
  const { config: path, folder, passphraseFile } = cluster.files.members[SICK]!
  const keys = await readKeys(`${folder}/node.json`, 'node', readFileSync(passphraseFile, 'utf8').trim())
  const failures: unknown[] = []
  const process = new NodeProcess({ config: { ...loadConfig(path), consensus: FAST }, genesis: cluster.files.genesis, keys }, silentLogger, (error) => { failures.push(error) }, WrongExecutor)
  t.teardown(() => process.stop())
  const { rpc, metrics } = await process.start()
  const first = process.node
  const ask = async (method: string): Promise<{ readonly result?: { readonly mode?: string }; readonly error?: { readonly data?: { readonly code?: string } } }> =>
    (await (await fetch(`${rpc}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }) })).json()) as never
  t.match(await ask('chain_head'), { result: {} }, 'at first it serves')
  const transaction = cluster.enrolment()
  await leader.parts.admission.admit(transaction.bytes)
  leader.parts.driver.kick()
  await until(() => process.node !== first)
  const again = process.node
  // The newest attestations are told again to who connects: then it hears once more that the others certify what it refuses, and is held.
  await until(() => process.node !== again && process.node.repairReason?.includes('BLOCK_CERTIFIED_ELSEWHERE') === true)
  t.match(process.node.repairReason, new RegExp(`height 1, transaction ${transaction.key}, key 0201`))
  const answer = await fetch(`${metrics}/readyz`, { headers: { connection: 'close' } })
  t.equal(answer.status, 503)
  t.match(await answer.text(), /BLOCK_CERTIFIED_ELSEWHERE: height 1/)
  // Between two nodes the listener is closed for a moment.
  let info: Awaited<ReturnType<typeof ask>> | undefined
  while (info === undefined) info = await ask('node_info').catch(() => undefined)
  t.match(info, { result: { mode: 'repair' } })
  t.match(await ask('chain_head'), { error: { data: { code: 'NODE_REPAIR' } } })
  t.same(failures, [])
  await process.stop()

  // A right program does not serve either: what is wrong was not looked at by anybody yet.
  const settings = { config: { ...loadConfig(path), consensus: FAST }, genesis: cluster.files.genesis, keys }
  const { dataDir } = settings.config
  const restarted = new NodeProcess(settings, silentLogger, (error) => { failures.push(error) })
  t.teardown(() => restarted.stop())
  const held = await restarted.start()
  t.match(restarted.heldFor, new RegExp(`BLOCK_CERTIFIED_ELSEWHERE: height 1, transaction ${transaction.key}, key 0201`))
  t.equal((await fetch(`${held.metrics}/readyz`, { headers: { connection: 'close' } })).status, 503)
  t.equal(restarted.node.mode, 'repair')
  t.throws(() => restarted.node.parts, { code: 'NODE_NOT_STARTED' }, 'nothing is opened that could vote, acknowledge or attest')
  await restarted.stop()

  t.match(releaseHold(dataDir), { code: 'BLOCK_CERTIFIED_ELSEWHERE', height: 1 })
  t.throws(() => releaseHold(dataDir), { code: 'HOLD_NONE' })
  t.ok(existsSync(join(dataDir, 'hold-1.json')), 'the note is kept')
  const mended = new NodeProcess(settings, silentLogger, (error) => { failures.push(error) })
  t.teardown(() => mended.stop())
  await mended.start()
  await until(() => mended.node.parts.finality.finalHeight === 1)
  t.equal(mended.heldFor, undefined, 'with the right program it goes on')
  await mended.stop()

  writeHold(dataDir, { v: 1, code: 'NODE_DIVERGED', height: 1, reason: 'NODE_DIVERGED: height 1', sinceMs: 1 })
  writeHold(dataDir, { v: 1, code: 'BLOCK_CERTIFIED_ELSEWHERE', height: 2, reason: 'a later one', sinceMs: 2 })
  t.match(readHold(dataDir), { code: 'NODE_DIVERGED', height: 1 }, 'the first difference is the one that counts')
  t.throws(() => releaseHold(dataDir), { code: 'HOLD_FORKED' }, 'a fork is not released')
  t.same(failures, [])
})
