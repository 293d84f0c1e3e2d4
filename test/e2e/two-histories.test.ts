// Goal: a leader that shows one member another block than the rest is found out: the others' block becomes final, the victim knows it, keeps both headers and serves nothing more (DESIGN §5.7).
// Method: four whole nodes; the leader's line to one of them is replaced by one that exchanges the block for another, signed by the leader's own key.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { decodeBlock, decodeHeader, encodeBlock, encodeHeader, headerSigningBytes } from '../../primitives/block.ts'
import { errorCode } from '../../primitives/error.ts'
import { createSigner } from '../../primitives/signature.ts'
import { decodeMessage, encodeMessage } from '../../consensus/message-wire.ts'
import { readKeys } from '../../node/keys.ts'
import { createCluster, lead, until } from '../helpers/cluster.ts'
import { testDirectory } from '../helpers/directory.ts'

t.setTimeout(290_000)
const LIAR = 1
const VICTIM = 3

t.test('the victim of two histories stops, with the proof; the others have one history and evidence of the lie', async (t) => {
  const failures: [number, unknown][] = []
  const cluster = await createCluster(testDirectory(t), 4, { onFatal: (i, error) => { failures.push([i, error]) } })
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const liar = await lead(cluster, LIAR)
  const { folder, passphraseFile } = cluster.files.members[LIAR]!
  const signer = createSigner((await readKeys(`${folder}/node.json`, 'node', readFileSync(passphraseFile, 'utf8').trim())).attestation)
  const { lines, rules } = liar.parts
  const send = lines.send.bind(lines)
  const exchange = (frame: Uint8Array): Uint8Array => {
    const message = decodeMessage(frame)
    if (message.type !== 'append') return frame
    return encodeMessage({ ...message, entries: message.entries.map((entry) => {
      if (entry.data.length === 0) return entry
      const envelope = decodeBlock(entry.data)
      const header = encodeHeader({ ...decodeHeader(envelope.header), timeMs: decodeHeader(envelope.header).timeMs + 1n })
      return { ...entry, data: encodeBlock({ ...envelope, header, signature: signer.sign(headerSigningBytes(rules.chain, header)) }) }
    }) })
  }
  Object.defineProperty(lines, 'send', { value: (to: number, channel: 'control' | 'append', frame: Uint8Array) => send(to, channel, to === VICTIM + 1 && channel === 'append' ? exchange(frame) : frame) })

  const transaction = cluster.enrolment()
  await liar.parts.admission.admit(transaction.bytes)
  liar.parts.driver.kick()
  const honest = [0, 2].map((i) => cluster.nodes[i]!)
  await until(() => honest.every(({ parts }) => parts.finality.finalHeight === 1))
  const victim = cluster.nodes[VICTIM]!
  await until(() => failures.length > 0)
  t.equal(failures[0]![0], VICTIM)
  t.equal(errorCode(failures[0]![1]), 'NODE_DIVERGED')
  t.equal(victim.mode, 'repair')
  t.match(victim.repairReason, /NODE_DIVERGED: height 1/)
  t.equal(victim.parts.finality.finalHeight, 0, 'what it was shown never became final')
  await until(() => victim.parts.evidence.list.length > 0 && honest.every(({ parts }) => parts.evidence.list.length > 0))
  for (const { parts } of [victim, ...honest]) t.match(parts.evidence.list.map(({ proven }) => proven), [{ kind: 'header', node: LIAR + 1, at: 1n }])
  t.ok(honest.every(({ mode }) => mode === 'normal'), 'the others carry on')
})
