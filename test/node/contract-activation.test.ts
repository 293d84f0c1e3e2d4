// Goal: a version of a contract takes effect by vote at its height, on every node alike; a node whose program lacks it stops before, and goes on once it has it.
import t from 'tap'
import { builtInRegistry } from '../../contracts/index.ts'
import { errorCode } from '../../primitives/error.ts'
import { createCluster, lead, until } from '../helpers/cluster.ts'
import { decide, officeOf, settled } from '../helpers/governance.ts'
import { testDirectory } from '../helpers/directory.ts'
import { closedIdentity } from '../helpers/second-version.ts'

t.test('two of three run version 2 from its height on; the third stops one block before, says why, and catches up with a newer program', async (t) => {
  const ended: unknown[] = []
  let updated = false
  const cluster = await createCluster(testDirectory(t), 3, { registryOf: (i) => (i < 2 || updated ? builtInRegistry([closedIdentity]) : undefined), onFatal: (_i, error) => ended.push(error) })
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const leader = await lead(cluster, 0)
  const offices = await Promise.all([1, 2].map((member) => officeOf(cluster, member)))
  const height = leader.parts.executor.tip.height + 115
  const nobodys = { contract: 'records', version: 2 }
  await decide(leader, cluster.files.chain, offices, { kind: 'activate', value: { ...nobodys, height: BigInt(height - 5) } })
  t.match(leader.parts.versions.problems(leader.parts.store.height), [/lacks version 2 of contract records/])
  await decide(leader, cluster.files.chain, offices, { kind: 'deactivate', value: nobodys })
  await decide(leader, cluster.files.chain, offices, { kind: 'activate', value: { contract: 'identity', version: 2, height: BigInt(height) } })
  const old = cluster.nodes[2]!
  await until(() => old.parts.executor.tip.rules.activations[0]?.contract === 'identity')
  await until(() => old.parts.versions.problems(old.parts.store.height).length === 1)
  t.match(old.parts.versions.problems(old.parts.store.height)[0], /lacks version 2 of contract identity/)
  t.same(leader.parts.versions.problems(1), [])
  // Through the height of the version that no program holds, which the members have taken back.
  while (leader.parts.executor.tip.height < height - 1) t.equal(await settled(leader, cluster.enrolment()), 'OK')
  t.equal(await settled(leader, cluster.enrolment()), 'ENROLMENT_CLOSED', `block ${height} runs version 2`)
  await until(() => ended.length > 0)
  t.same(ended.map(errorCode), ['CONTRACT_VERSION_MISSING'])
  t.equal(old.parts.executor.tip.height, height - 1, 'it executed everything before')
  await until(() => leader.parts.finality.finalHeight >= height)
  await cluster.stopNode(2)
  await t.rejects(cluster.startNode(2), { code: 'CONTRACT_VERSION_MISSING', details: { contract: 'identity', version: 2, height } }, 'the same program does not start')
  updated = true
  const returned = await cluster.startNode(2)
  await until(() => returned.parts.executor.tip.height >= leader.parts.executor.tip.height)
  t.same(returned.parts.executor.tip.hash, leader.parts.executor.tip.hash)
  await cluster.stopNode(1)
  await cluster.startNode(1)
  t.equal(await settled(leader, cluster.enrolment()), 'ENROLMENT_CLOSED', 'also after a restart')
})
