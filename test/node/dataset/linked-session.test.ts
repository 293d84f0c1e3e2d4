// Goal: three sites count whom they hold in common and see the same, also when one is cut off and comes back; a silent, lying or two-tongued one gets nothing counted. Method: the real protocol and group over lines in memory.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { runLinked } from '../../../node/dataset/linked-session.ts'
import type { LinkedRun } from '../../../node/dataset/linked-session.ts'
import type { LinkedMessage } from '../../../node/dataset/linked-voice.ts'
import { toHex } from '../../../primitives/bytes.ts'
import { errorCode, SteleError } from '../../../primitives/error.ts'
import { noiseBound } from '../../../privacy/linkage/noise.ts'
import { Board } from '../../helpers/message-board.ts'

const SITES = [1, 2, 4]
const NAMES = new Map([[1, ['Ada', 'Bo', 'Cy']], [2, ['Bo', 'Cy', 'Di']], [4, ['Cy', 'Eve', '']]])
/** At ε = 42 the noise is zero but for once in 10^9 draws, and the seeds are fixed; few dummies keep the test short. */
const EPSILON = 42_000_000
const STILL = SITES.length * noiseBound(EPSILON)
const EXPECTED = [4 + STILL, 1 + STILL, 1 + STILL]
type Twist = (said: LinkedMessage, from: number) => LinkedMessage

const run = (board: Board<LinkedMessage>, site: number, { names = NAMES.get(site)!, seed = site, ...how }: { names?: readonly string[]; seed?: number; twist?: Twist; dieAt?: number } = {}, change: Partial<LinkedRun> = {}): Promise<number[]> =>
  runLinked({ line: board.line(site, how), sites: SITES, context: new Uint8Array(32).fill(1), size: 3, epsilon: EPSILON, names, seed: new Uint8Array(32).fill(seed), waitMs: 60_000, ...change })
const faultOf = ({ reason }: PromiseRejectedResult): string => `${errorCode(reason) ?? String(reason)} ${reason instanceof SteleError ? String(reason.details['member']) : ''}`
const faults = (outcomes: readonly PromiseSettledResult<number[]>[]): string[] => outcomes.map((outcome) => (outcome.status === 'rejected' ? faultOf(outcome) : outcome.value.join()))

t.test('three sites see the same counts; what they say has one length, whoever holds how many, and two runs have no point in common', async (t) => {
  const board = new Board<LinkedMessage>(SITES)
  t.same(await Promise.all(SITES.map((site) => run(board, site))), [EXPECTED, EXPECTED, EXPECTED])
  const lengths = (from: Board<LinkedMessage>): string => SITES.map((site) => from.said.get(site)!.map((said) => (said.kind === 'points' ? said.value.points.length : said.kind)).join()).join(' ')
  const other = new Board<LinkedMessage>(SITES)
  await Promise.all(SITES.map((site) => run(other, site, { seed: 10 + site, names: site === 1 ? [] : NAMES.get(site)! })))
  t.equal(lengths(other), lengths(board))
  const pointsOf = ({ said }: Board<LinkedMessage>): string[] => [...said.values()].flat().flatMap((each) => (each.kind === 'points' ? Array.from({ length: each.value.points.length / 32 }, (_, i) => toHex(each.value.points.subarray(32 * i, 32 * i + 32))) : [])).filter((point) => !/^0+$/.test(point))
  const first = new Set(pointsOf(board))
  t.notOk(pointsOf(other).some((point) => first.has(point)))
})

t.test('a site that was cut off says the same again and goes on; the others never heard two things', async (t) => {
  const board = new Board<LinkedMessage>(SITES)
  const others = [1, 4].map((site) => run(board, site))
  await t.rejects(run(board, 2, { dieAt: 2 }), /the process ended/)
  t.equal(board.said.get(2)!.length, 2, 'key and persons were said')
  t.same(await Promise.all([...others, run(board, 2)]), [EXPECTED, EXPECTED, EXPECTED])
  const said = board.said.get(2)!.length
  t.same(await run(board, 2), EXPECTED, 'again, over what was said')
  t.equal(board.said.get(2)!.length, said, 'nothing was said twice')
  await t.rejects(run(board, 2, { names: ['Ada'] }), { code: 'JOINT_DIVERGED', details: { member: 2 } }, 'other persons cannot be entered later')
})

t.test('a silent site is named', async (t) => {
  const board = new Board<LinkedMessage>(SITES)
  const runs = Promise.allSettled([1, 2].map((site) => run(board, site)))
  while ([1, 2].some((site) => board.said.get(site)!.length === 0)) await setImmediate()
  board.end()
  t.same(faults(await runs), ['JOINT_SILENT 4', 'JOINT_SILENT 4'])
})

t.test('who tells different things to different others is noticed before its persons are counted', async (t) => {
  const board = new Board<LinkedMessage>(SITES)
  let flipped = 0
  const twist: Twist = (said, from) => {
    if (from !== 2 || said.kind !== 'points' || flipped++ > 0) return said
    const points = said.value.points.slice()
    points.copyWithin(0, 64, 128)
    points.copyWithin(64, 128, 192)
    return { kind: 'points', value: { ...said.value, points } }
  }
  const others = Promise.allSettled([1, 2].map((site) => run(board, site)))
  await t.rejects(run(board, 4, { twist }), { code: 'JOINT_DIVERGED' })
  board.end()
  for (const outcome of faults(await others)) t.match(outcome, /^JOINT_(?:DIVERGED|SILENT)/)
})

t.test('bytes that are no point, copied points, unproven keys and lists of another length name their site', async (t) => {
  const twisted = async (change: (value: LinkedMessage) => LinkedMessage): Promise<string> => {
    const board = new Board<LinkedMessage>(SITES)
    const twist: Twist = (said, from) => (from === 2 ? change(said) : said)
    const others = Promise.allSettled([2, 4].map((site) => run(board, site)))
    const [fault] = faults(await Promise.allSettled([run(board, 1, { twist })]))
    board.end()
    await others
    return fault!
  }
  const onPoints = (change: (points: Uint8Array) => Uint8Array) => twisted((said) => (said.kind === 'points' ? { kind: 'points', value: { ...said.value, points: change(said.value.points.slice()) } } : said))
  t.equal(await onPoints((points) => points.fill(255, 0, 32)), 'LINKAGE_POINT_INVALID 2')
  t.equal(await onPoints((points) => points.fill(0, 64, 96)), 'LINKAGE_POINT_INVALID 2', 'the neutral element')
  t.equal(await onPoints((points) => points.copyWithin(0, 64, 128)), 'LINKAGE_POINT_TWICE 2')
  t.equal(await onPoints((points) => points.subarray(64)), 'JOINT_FORGED 2', 'a shorter list')
  t.equal(await twisted((said) => (said.kind === 'key' ? { kind: 'key', value: { ...said.value, proof: said.value.proof.slice().reverse() } } : said)).then((fault) => fault.replace('POINT_INVALID', 'KEY_UNPROVEN')), 'LINKAGE_KEY_UNPROVEN 2')
  t.equal(await twisted((said) => (said.kind === 'points' ? { kind: 'done', value: { before: said.value.before } } : said)), 'JOINT_FORGED 2')
})

t.test('another size, epsilon or question is another conversation', async (t) => {
  for (const change of [{ size: 4 }, { epsilon: EPSILON - 1 }, { context: new Uint8Array(32) }]) {
    const board = new Board<LinkedMessage>(SITES)
    t.same(faults(await Promise.allSettled(SITES.map((site) => run(board, site, {}, site === 2 ? change : {})))), ['JOINT_DIVERGED 2', 'JOINT_DIVERGED 1', 'JOINT_DIVERGED 2'], Object.keys(change).join())
  }
})
