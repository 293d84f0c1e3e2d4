import { copyFileSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { readKeys, writeKeys } from '../../node/keys.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { createCard } from '../../node/member-card.ts'
import { errorCode } from '../../primitives/error.ts'
import type { MembershipChange } from '../../primitives/calls/membership.ts'
import { createCluster, lead, until } from '../helpers/cluster.ts'
import type { TestCluster } from '../helpers/cluster.ts'
import { decide, officeOf, settled } from '../helpers/governance.ts'
import { testDirectory } from '../helpers/directory.ts'

/** New keys of node `i`'s institution, beside its old ones, and the change that asks for them. */
async function newKeys({ files }: TestCluster, i: number): Promise<{ readonly change: MembershipChange; install(): void }> {
  const { folder, passphraseFile } = files.members[i]!
  const [node] = files.genesis.members[i]!.nodes
  const out = join(folder, 'rotated')
  mkdirSync(out)
  const card = await createCard({ from: folder, out, renew: 'node', member: i + 1, node: i + 1, name: files.genesis.members[i]!.name, addresses: node!.addresses, passphrase: readFileSync(passphraseFile, 'utf8').trim(), cost: KEYSTORE_TEST_COST })
  return { change: { kind: 'rotateNode', value: card.nodes[0]! }, install: () => copyFileSync(join(out, 'node.json'), join(folder, 'node.json')) }
}

/** With one of four gone, every word of the other three is needed. */
async function goesOnWithout(t: Test, cluster: TestCluster, gone: number): Promise<void> {
  await cluster.stopNode(gone)
  const leader = await cluster.leader()
  t.equal(await settled(leader, cluster.enrolment(cluster.nodes.indexOf(leader))), 'OK')
  const { height } = leader.parts.executor.tip
  await until(() => leader.parts.finality.finalHeight >= height)
}

t.test('keys voted for a node that was away: it follows with them before its own state names them, and is a voter then', async (t) => {
  const cluster = await createCluster(testDirectory(t), 4)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const leader = await lead(cluster, 0)
  const offices = await Promise.all([1, 2, 3].map((member) => officeOf(cluster, member)))
  const { change, install } = await newKeys(cluster, 3)
  await cluster.stopNode(3)
  await decide(leader, cluster.files.chain, offices, change)
  await until(() => cluster.nodes.every((node) => node === undefined || node.parts.rules.keysOf(4).length === 2))
  await t.rejects(startWith(cluster, 3, 0), { code: 'NODE_KEYS_MISMATCH', details: { of: 1 } }, 'keys of another node')
  install()
  const returned = await cluster.startNode(3)
  t.equal(returned.parts.ownKeys.standing, 'ahead', 'its own state has not come to the vote')
  t.notOk(returned.parts.ownKeys.mayLeadIn(returned.parts.executor.tip.rules.members), 'so it does not lead')
  await until(() => returned.parts.ownKeys.standing === 'named')
  await goesOnWithout(t, cluster, 1)
})

t.test('a leader whose keys are changed hands over, ends, and takes part again with the new ones', async (t) => {
  const ended: unknown[] = []
  const cluster = await createCluster(testDirectory(t), 4, { onFatal: (_i, error) => ended.push(error) })
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const offices = await Promise.all([1, 2, 3].map((member) => officeOf(cluster, member)))
  const { change, install } = await newKeys(cluster, 3)
  const leader = await lead(cluster, 3)
  await decide(leader, cluster.files.chain, offices, change)
  // Writes go on meanwhile, and the old leader cuts no block under keys that are over.
  for (let i = 0; i < 3; i++) t.equal(await settled(cluster.nodes[0]!, cluster.enrolment(0)), 'OK')
  await until(() => ended.length > 0)
  t.same(ended.map(errorCode), ['NODE_KEYS_ROTATED'])
  t.not(leader.parts.driver.status.role, 'leader', 'it handed over before it ended')
  await cluster.stopNode(3)
  await t.rejects(cluster.startNode(3), { code: 'NODE_KEYS_MISMATCH' }, 'the old keys are over')
  install()
  const returned = await cluster.startNode(3)
  await until(() => returned.parts.ownKeys.standing === 'named')
  await goesOnWithout(t, cluster, cluster.nodes.findIndex((node, i) => i < 3 && node!.parts.driver.status.role === 'leader'))
})

/** Starts node `i` with the keys of node `of`. */
async function startWith(cluster: TestCluster, i: number, of: number): Promise<unknown> {
  const [own, other] = [i, of].map((at) => cluster.files.members[at]!).map(({ folder, passphraseFile }) => ({ path: join(folder, 'node.json'), passphrase: readFileSync(passphraseFile, 'utf8').trim() }))
  renameSync(own!.path, `${own!.path}.kept`)
  await writeKeys(own!.path, 'node', await readKeys(other!.path, 'node', other!.passphrase), own!.passphrase, KEYSTORE_TEST_COST)
  try {
    return await cluster.startNode(i)
  } finally {
    renameSync(`${own!.path}.kept`, own!.path)
  }
}
