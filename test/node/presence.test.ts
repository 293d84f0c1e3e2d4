import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { decodePresence, encodePresence, PresenceWatch, regression } from '../../node/presence.ts'
import type { Presence } from '../../node/presence.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { settled } from '../helpers/governance.ts'
import { testDirectory } from '../helpers/directory.ts'

const at = (changes: Partial<Presence> = {}): Presence => ({ boot: 3, committed: 50, last: 60, ...changes })

t.test('what a node cannot honestly come back with is named', async (t) => {
  t.match(regression(at(), at({ boot: 2 })), /start counter fell/)
  t.match(regression(at(), at({ boot: 4, last: 49, committed: 49 })), /ends at 49, it had committed 50/)
  t.equal(regression(at(), at({ boot: 4, last: 50, committed: 10 })), undefined, 'a start may not know yet how far it had committed')
  t.equal(regression(at(), at({ last: 55 })), undefined, 'an uncommitted tail may go')
  t.throws(() => decodePresence(new Uint8Array(19)), { code: 'MESSAGE_MALFORMED' })
  t.throws(() => decodePresence(new Uint8Array(20).fill(255)), { code: 'MESSAGE_MALFORMED' })
  t.same(decodePresence(encodePresence(at())), at())
})

t.test('it is remembered over restarts, until the node\'s number is gone; a damaged record is not taken for none', async (t) => {
  const folder = testDirectory(t)
  let known = [2, 3]
  const watch = (): PresenceWatch => new PresenceWatch(folder, { own: () => at(), broadcast: () => undefined, known: () => known, logger: silentLogger })
  const first = watch()
  first.heard(2, at())
  first.heard(2, at({ boot: 4, last: 1, committed: 0 }))
  t.match(first.refused(2), /ends at 1/)
  await first.stop()
  const second = watch()
  second.heard(2, at({ boot: 9, last: 1000, committed: 900 }))
  t.match(second.refused(2), /ends at 1/, 'whatever it says later')
  second.heard(3, at())
  known = [3]
  await second.stop()
  t.equal(watch().refused(2), undefined)
  writeFileSync(join(folder, 'presence.json'), '[[2,')
  t.throws(watch, { code: 'PRESENCE_UNREADABLE' })
})

t.test('a node whose data were wiped has no vote under its old number: two of three still stand, its word alone does not help', async (t) => {
  const cluster = await createCluster(testDirectory(t), 3)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2].map((i) => cluster.startNode(i)))
  const leader = await cluster.leader()
  t.equal(await settled(leader, cluster.enrolment()), 'OK')
  const [kept, wiped] = [0, 1, 2].filter((i) => cluster.nodes[i] !== leader) as [number, number]
  const number = wiped + 1
  await until(() => cluster.nodes[wiped]!.parts.driver.status.committedIndex === leader.parts.driver.status.committedIndex)
  // It is wiped when the others have heard how far it had committed.
  const { presence, driver } = cluster.nodes[wiped]!.parts
  const heardOf = [leader, cluster.nodes[kept]!].map(({ parts }) => {
    const heard = parts.presence.heard.bind(parts.presence)
    let committed = 0
    parts.presence.heard = (node, now) => {
      heard(node, now)
      if (node === number) committed = Math.max(committed, now.committed)
    }
    return () => committed
  })
  await until(() => {
    presence.tell()
    return heardOf.every((committed) => committed() >= driver.status.committedIndex)
  })
  t.same([leader, cluster.nodes[kept]!].map((node) => node.parts.presence.refused(number)), [undefined, undefined])
  await cluster.stopNode(wiped)
  rmSync(join(cluster.files.members[wiped]!.folder, 'data'), { recursive: true })
  await cluster.startNode(wiped)
  await until(() => [leader, cluster.nodes[kept]!].every((node) => node.parts.presence.refused(number) !== undefined))
  t.equal(await settled(leader, cluster.enrolment()), 'OK', 'the other two go on')
  await cluster.stopNode(kept)
  const before = leader.parts.driver.status.committedIndex
  await until(() => leader.parts.driver.status.role !== 'leader')
  t.equal(leader.parts.driver.status.committedIndex, before, 'with the wiped one alone nothing is committed')
})
