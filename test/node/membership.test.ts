import t from 'tap'
import { createCluster, until } from '../helpers/cluster.ts'
import { additionOf, decide, newcomer, officeOf, settled } from '../helpers/governance.ts'
import { testDirectory } from '../helpers/directory.ts'

t.test('a fourth institution joins three by vote, follows as a learner, becomes a voter and counts in quorums', async (t) => {
  const directory = testDirectory(t)
  const cluster = await createCluster(directory, 3)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const leader = await cluster.leader()
  const { chain } = cluster.files
  const offices = await Promise.all([1, 2].map((member) => officeOf(cluster, member)))
  t.equal(await settled(leader, cluster.enrolment()), 'OK')
  const fourth = await newcomer(directory, 4, 4)
  await decide(leader, chain, offices, additionOf(fourth.card))
  await until(() => leader.parts.driver.status.configuration.learners.includes(4))
  t.same(leader.parts.rules.members.voters.length, 3, 'a learner has no vote')
  const joined = await fourth.start(cluster)
  await until(() => joined.parts.rules.members.voters.length === 4)
  await until(() => cluster.nodes.every((node) => node!.parts.finality.finalHeight === leader.parts.executor.tip.height))
  const sets = cluster.nodes.map((node) => Buffer.from(node!.parts.rules.memberSet).toString('hex'))
  t.equal(new Set(sets).size, 1)
  // With one of the old ones gone, three of four must agree, so the newcomer's word counts.
  const gone = cluster.nodes.findIndex((node) => node !== leader)
  await cluster.stopNode(gone)
  t.equal(await settled(leader, cluster.enrolment(cluster.nodes.indexOf(leader))), 'OK')
  const height = leader.parts.executor.tip.height
  await until(() => leader.parts.finality.finalHeight >= height)
  const signers = leader.parts.finality.newestCertificate!.signatures.map(({ node }) => node)
  t.ok(signers.includes(4), `node 4 certifies: ${signers.join(' ')}`)
  t.equal(signers.length, 3)
})
