// Goal: a leader that shows one member another block than the rest is found out: the others' block becomes final, the victim knows it, keeps both headers, names what differs and serves nothing more, over restarts too (DESIGN §5.7).
// Method: three nodes and a whole process; whenever the leader cuts a block it signs another for the same place, and its line to one of them exchanges the one for the other.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { stateKeyOf } from '../../primitives/state-key.ts'
import { decodeMessage, encodeMessage } from '../../consensus/message-wire.ts'
import { loadConfig } from '../../node/config.ts'
import { readHold } from '../../node/hold.ts'
import { readKeys } from '../../node/keys.ts'
import { NodeProcess } from '../../node/node-process.ts'
import { createCluster, elect, SLOW, until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)
const STELE = resolve(import.meta.dirname, '../../node/stele')
const LIAR = 1
const VICTIM = 3

t.test('the victim of two histories stops, with the proof, and stays so; the others have one history and evidence of the lie', async (t) => {
  const cluster = await createCluster(testDirectory(t), 4, { consensus: SLOW })
  t.teardown(() => cluster.stop())
  const { config: path, folder, passphraseFile } = cluster.files.members[VICTIM]!
  const keys = await readKeys(`${folder}/node.json`, 'node', readFileSync(passphraseFile, 'utf8').trim())
  const settings = { config: { ...loadConfig(path), consensus: SLOW }, genesis: cluster.files.genesis, keys }
  const failures: unknown[] = []
  const begin = async (): Promise<NodeProcess> => {
    const process = new NodeProcess(settings, silentLogger, (error) => { failures.push(error) })
    t.teardown(() => process.stop())
    await process.start()
    return process
  }
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const liar = await elect(cluster, LIAR)
  const { executor, lines } = liar.parts
  const [shown, hidden] = [cluster.enrolment(), cluster.enrolment()]
  const propose = executor.propose.bind(executor)
  const twins = new Map<string, Uint8Array>()
  const place = (index: number, term: number): string => `${index} in term ${term}`
  Object.defineProperty(executor, 'propose', { value: (...[index, term, nowMs, ...rest]: Parameters<typeof propose>): ReturnType<typeof propose> => {
    const twin = propose(index, term, nowMs, [hidden])
    if (!('data' in twin)) throw new Error('a block can be cut from an enrolment')
    executor.discard(twin.block)
    twins.set(place(index, term), twin.data)
    return propose(index, term, nowMs, ...rest)
  } })
  const exchange = (frame: Uint8Array): Uint8Array => {
    const message = decodeMessage(frame)
    if (message.type !== 'append') return frame
    return encodeMessage({ ...message, entries: message.entries.map((entry) => ({ ...entry, data: twins.get(place(entry.index, entry.term)) ?? entry.data })) })
  }
  const send = lines.send.bind(lines)
  Object.defineProperty(lines, 'send', { value: (to: number, channel: 'control' | 'append', frame: Uint8Array) => send(to, channel, to === VICTIM + 1 && channel === 'append' ? exchange(frame) : frame) })

  const process = await begin()
  const victim = process.node
  await until(() => victim.parts.driver.status.leader === LIAR + 1)
  await liar.parts.admission.admit(shown.bytes)
  liar.parts.driver.kick()
  const honest = [0, 2].map((i) => cluster.nodes[i]!)
  await until(() => honest.every(({ parts }) => parts.finality.finalHeight === 1))
  await until(() => process.heldFor !== undefined)
  const named = new RegExp(`NODE_DIVERGED: height 1, transaction ${hidden.key}, key ${toHex(stateKeyOf({ kind: 'account', id: hidden.id }))}`)
  t.match(process.heldFor, named, 'first block, transaction and key that differ')
  t.match(readHold(settings.config.dataDir), { code: 'NODE_DIVERGED', height: 1, reason: named })
  t.equal(victim.parts.finality.finalHeight, 0, 'what it was shown never became final')
  await until(() => honest.every(({ parts }) => parts.evidence.list.length > 0))
  for (const { parts } of [victim, ...honest]) t.match(parts.evidence.list.map(({ proven }) => proven), [{ kind: 'header', node: LIAR + 1, at: 1n }])
  t.ok(honest.every(({ mode }) => mode === 'normal'), 'the others carry on')

  await process.stop()
  const again = await begin()
  t.match(again.heldFor, named, 'a start says so too')
  t.equal(again.node.mode, 'repair')
  t.throws(() => again.node.parts, { code: 'NODE_NOT_STARTED' }, 'nothing is opened that could vote, acknowledge or attest')
  const stele = (...args: string[]): Promise<{ readonly code: unknown; readonly text: string }> => new Promise((done) => {
    execFile(STELE, [...args, '--config', path], (error, out, err) => done({ code: error?.code ?? 0, text: out + err }))
  })
  const [shownHold, refused] = await Promise.all([stele('hold', 'show'), stele('hold', 'release')])
  t.match(shownHold, { code: 3, text: named }, 'stele hold show')
  t.match(refused, { code: 1, text: /HOLD_FORKED/ }, 'and a fork is not released')
  t.same(failures, [])
})
