import { cpSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { decodePresence, encodePresence, forgetPromises, PresenceWatch, regression } from '../../node/presence.ts'
import type { Presence, Promised } from '../../node/presence.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import { settled } from '../helpers/governance.ts'
import { testDirectory } from '../helpers/directory.ts'

const at = (changes: Partial<Presence> = {}): Presence => ({ boot: 3, committed: 50, last: 60, startTerm: 5, startLast: 40, start: 7, ...changes })

t.test('what a node cannot honestly come back with is named', async (t) => {
  t.match(regression(at(), at({ boot: 2 })), /start counter fell/)
  t.match(regression(at(), at({ boot: 4, last: 49, committed: 49 })), /ends at 49, it had committed 50/)
  t.equal(regression(at(), at({ boot: 4, last: 50, committed: 10 })), undefined, 'a start may not know yet how far it had committed')
  t.equal(regression(at(), at({ last: 55 })), undefined, 'an uncommitted tail may go')
  t.throws(() => decodePresence(new Uint8Array(39)), { code: 'MESSAGE_MALFORMED' })
  t.throws(() => decodePresence(new Uint8Array(40).fill(255)), { code: 'MESSAGE_MALFORMED' })
  t.same(decodePresence(encodePresence(at())), at())
})

t.test('it is remembered over restarts, until the node\'s number is gone; a damaged record is not taken for none', async (t) => {
  const folder = testDirectory(t)
  let known = [2, 3]
  const acknowledged: (Promised & { readonly node: number })[] = []
  const watch = (): PresenceWatch => new PresenceWatch(folder, { own: () => at(), acknowledged: () => acknowledged, broadcast: () => undefined, known: () => known, logger: silentLogger })
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
  const { boot, ...unnumbered } = at()
  for (const text of ['[[2,', '{"v":2}', '[[2]]', '[[2,null]]', '[["2",{}]]', JSON.stringify([[2, unnumbered]]), JSON.stringify([[2, { ...at(), boot: String(boot) }]]), JSON.stringify([[2, { ...at(), promised: { term: 1 } }]])]) {
    writeFileSync(join(folder, 'presence.json'), text)
    t.throws(watch, { code: 'PRESENCE_UNREADABLE' }, text)
  }
  writeFileSync(join(folder, 'presence.json'), JSON.stringify([[2, { boot: 1, committed: 2, last: 3 }]]))
  t.doesNotThrow(watch, 'a record of the first build that wrote one')
})

t.test('a start from older data is known by the term it began in, and by the end of its log in that term', async (t) => {
  const promised = { term: 7, index: 80 }
  t.match(regression(at(), at({ boot: 4, startTerm: 6, startLast: 90, last: 90 }), promised), /started in term 6, it had voted or acknowledged in term 7/)
  t.match(regression(at(), at({ boot: 4, startTerm: 7, startLast: 79, last: 99 }), promised), /ended at 79, it had acknowledged 80/)
  t.equal(regression(at(), at({ boot: 4, startTerm: 7, startLast: 80, last: 80 }), promised), undefined)
  t.equal(regression(at(), at({ boot: 4, startTerm: 8, startLast: 60 }), promised), undefined, 'a later leader may have taken entries back')
  t.match(regression(at(), at({ start: 8 })), /two starts bear the number 3/, 'a copy of before the start, put back: all it found on disk is the same')
  t.equal(regression({ boot: 3, committed: 50 }, at()), undefined, 'a record of an earlier version does not name the start')
})

t.test('where an earlier build wrote no random number, two starts of one number are told by what they found on disk', async (t) => {
  const folder = testDirectory(t)
  const { start, ...earlier } = at()
  writeFileSync(join(folder, 'presence.json'), JSON.stringify([[2, earlier], [3, earlier], [4, earlier]]))
  const watch = new PresenceWatch(folder, { own: () => at(), acknowledged: () => [], broadcast: () => undefined, known: () => [2, 3, 4], logger: silentLogger })
  watch.heard(2, at({ startLast: earlier.startLast + 1 }))
  watch.heard(3, at({ startTerm: earlier.startTerm + 1 }))
  watch.heard(4, at({ start }))
  t.match([2, 3, 4].map((node) => watch.refused(node)), [/two starts bear the number 3/, /two starts bear the number 3/, undefined])
  watch.heard(4, at({ start: start + 1 }))
  t.match(watch.refused(4), /two starts bear the number 3/, 'its random number is remembered from then on')
  await watch.stop()
})

t.test('only what certainly an earlier start promised is held against a later one', async (t) => {
  const folder = t.testdir({ lost: {}, early: {}, replaced: {} })
  const scene = (name: string): PresenceWatch => new PresenceWatch(join(folder, name), { own: () => at(), acknowledged: () => acknowledged, broadcast: () => undefined, known: () => [2], logger: silentLogger })
  const acknowledged = [{ node: 2, term: 7, index: 80 }]
  const restored = at({ boot: 4, startTerm: 7, startLast: 79, last: 79 })
  const lost = scene('lost')
  lost.heard(2, at())
  lost.changed(2, false)
  lost.changed(2, true)
  lost.heard(2, restored)
  t.match(lost.refused(2), /had acknowledged 80/, 'the line was gone: everything on it was of the start before')

  const early = scene('early')
  early.heard(2, at())
  early.changed(2, false)
  acknowledged[0] = { node: 2, term: 7, index: 95 }
  early.settle()
  early.settle()
  early.heard(2, at({ boot: 4, startTerm: 7, startLast: 80, last: 95 }))
  t.equal(early.refused(2), undefined, 'a new start acknowledges before it has told of itself')

  const replaced = scene('replaced')
  replaced.heard(2, at())
  replaced.voted(2, 8)
  replaced.settle()
  replaced.voted(2, 9)
  replaced.heard(2, at({ boot: 4, startTerm: 8, startLast: 20, last: 60 }))
  t.equal(replaced.refused(2), undefined, 'the vote of the last second may be the new start\'s: one line took the other\'s place')
  replaced.voted(2, 9)
  replaced.settle()
  replaced.settle()
  replaced.heard(2, at({ boot: 5, startTerm: 8, startLast: 99, last: 99 }))
  t.match(replaced.refused(2), /in term 9/)
  await Promise.all([lost, early, replaced].map((watch) => watch.stop()))
})

t.test('a follower that a new leader has not heard yet promised nothing in its term', async (t) => {
  const folder = t.testdir()
  const acknowledged = [{ node: 2, term: 9, index: 0 }]
  const leader = new PresenceWatch(folder, { own: () => at(), acknowledged: () => acknowledged, broadcast: () => undefined, known: () => [2], logger: silentLogger })
  leader.heard(2, at())
  leader.settle()
  leader.settle()
  leader.changed(2, false)
  leader.heard(2, at({ boot: 4, startTerm: 7, startLast: 60 }))
  t.equal(leader.refused(2), undefined, 'it was killed before it heard of the term, and is sound')
  await leader.stop()
})

t.test('a recovery forgets promises, and no refusal', async (t) => {
  const folder = testDirectory(t)
  const watch = (): PresenceWatch => new PresenceWatch(folder, { own: () => at(), acknowledged: () => [], broadcast: () => undefined, known: () => [2, 3], logger: silentLogger })
  const first = watch()
  for (const node of [2, 3]) first.heard(node, at())
  first.heard(2, at({ boot: 1 }))
  await first.stop()
  forgetPromises(folder)
  const second = watch()
  second.heard(3, at({ boot: 4, committed: 1, last: 2 }))
  t.match([second.refused(2), second.refused(3)], [/start counter/, undefined])
  await second.stop()
})

t.test('a node put back from a copy and a node whose data were wiped have no vote under their old numbers: three of four still stand, their words alone do not help', async (t) => {
  const cluster = await createCluster(testDirectory(t), 4)
  t.teardown(() => cluster.stop())
  await Promise.all([0, 1, 2, 3].map((i) => cluster.startNode(i)))
  const leader = await cluster.leader()
  t.equal(await settled(leader, cluster.enrolment()), 'OK')
  const [kept, restored, wiped] = [0, 1, 2, 3].filter((i) => cluster.nodes[i] !== leader) as [number, number, number]
  const watchers = [leader, cluster.nodes[kept]!]
  const refusals = (i: number) => watchers.map((node) => node.parts.presence.refused(i + 1))
  /** Until both have heard that the node's present start has committed what the leader has. */
  const known = async (i: number): Promise<void> => {
    const { presence, driver, ledger } = cluster.nodes[i]!.parts
    const { bootCounter } = ledger.recovered
    await until(() => driver.status.committedIndex === leader.parts.driver.status.committedIndex)
    const heardOf = watchers.map(({ parts }) => {
      const heard = parts.presence.heard.bind(parts.presence)
      let committed = 0
      parts.presence.heard = (node, now) => {
        heard(node, now)
        if (node === i + 1 && now.boot === bootCounter) committed = Math.max(committed, now.committed)
      }
      return () => committed
    })
    await until(() => {
      presence.tell()
      return heardOf.every((committed) => committed() >= driver.status.committedIndex)
    })
    t.same(refusals(i), [undefined, undefined])
  }
  const dataOf = (i: number): string => join(cluster.files.members[i]!.folder, 'data')

  await cluster.stopNode(restored)
  cpSync(dataOf(restored), `${dataOf(restored)}.copy`, { recursive: true })
  await cluster.startNode(restored)
  await known(restored)
  await cluster.stopNode(restored)
  rmSync(dataOf(restored), { recursive: true })
  renameSync(`${dataOf(restored)}.copy`, dataOf(restored))
  await cluster.startNode(restored)
  await until(() => refusals(restored).every((reason) => reason !== undefined && /two starts bear the number|its log ends/.test(reason)))
  t.equal(await settled(leader, cluster.enrolment()), 'OK', 'the other three go on')

  await known(wiped)
  await cluster.stopNode(wiped)
  rmSync(dataOf(wiped), { recursive: true })
  await cluster.startNode(wiped)
  await until(() => refusals(wiped).every((reason) => reason !== undefined))
  const before = leader.parts.driver.status.committedIndex
  await until(() => leader.parts.driver.status.role !== 'leader')
  t.equal(leader.parts.driver.status.committedIndex, before, 'with these two instead of two sound ones nothing is committed')
})
