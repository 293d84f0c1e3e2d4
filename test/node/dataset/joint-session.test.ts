// Goal: three contributors make the release of the union, and a silent, restarted, lying or forging one never makes a wrong one. Method: the real protocol and cryptography over lines in memory.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { anonymize, flatHierarchy, intervalHierarchy, JointContribution, releaseHash, tableFromColumns } from '../../../contracts/anonymization/kernel/index.ts'
import type { DatasetDefinition, Release, Table } from '../../../contracts/anonymization/kernel/index.ts'
import { jointMessage, openMessage, sealMessage } from '../../../node/dataset/joint-messages.ts'
import type { JointMessage } from '../../../node/dataset/joint-messages.ts'
import type { JointLine } from '../../../node/dataset/joint-line.ts'
import { runJoint } from '../../../node/dataset/joint-session.ts'
import { systemRandom } from '../../../node/system.ts'
import { toHex } from '../../../primitives/bytes.ts'
import { createSigner } from '../../../primitives/signature.ts'
import { Board } from '../../helpers/message-board.ts'

const AGES = Array.from({ length: 64 }, (_, age) => String(age))
const ILLNESSES = ['asthma', 'diabetes', 'flu']
const DEFINITION: DatasetDefinition = {
  attributes: [
    { name: 'age', role: 'quasi-identifier', type: 'integer', hierarchy: intervalHierarchy('age', AGES, [8, 32]) }, { name: 'sex', role: 'quasi-identifier', type: 'categorical', hierarchy: flatHierarchy('sex', ['f', 'm']) },
    { name: 'illness', role: 'sensitive', type: 'categorical', order: ILLNESSES },
  ],
  policy: { k: 4 }, algorithm: { name: 'joint', siteFloor: 1 },
}
const MEMBERS = [1, 2, 4]
const PERSONS = 90
const rowsOf = (member: number): string[][] => Array.from({ length: PERSONS }, (_, i) => [String((i * 29) % 64), i % 3 === 0 ? 'f' : 'm', ILLNESSES[i % 3]!]).filter((_, i) => MEMBERS[i % 3] === member)
const tableOf = (rows: readonly (readonly string[])[]): Table => tableFromColumns(['age', 'sex', 'illness'].map((name, column) => ({ name, cells: rows.map((row) => row[column]!) })))
const UNION = releaseHash(anonymize(tableOf(MEMBERS.flatMap(rowsOf)), DEFINITION))

function run(line: JointLine<JointMessage>, { waitMs = 2_000, rows = rowsOf(line.member), floor = 1 }: { waitMs?: number; rows?: string[][]; floor?: number } = {}): Promise<Release> {
  return runJoint({ line, contributors: MEMBERS, contribution: new JointContribution(tableOf(rows), DEFINITION, floor), definition: DEFINITION, persons: PERSONS, random: systemRandom, waitMs })
}
const codes = (outcomes: readonly PromiseSettledResult<Release>[]): string[] => outcomes.map((outcome) => (outcome.status === 'fulfilled' ? releaseHash(outcome.value) : String((outcome.reason as { code?: string }).code ?? outcome.reason)))

t.test('three contributors make the release of the union, and what they say holds none of their counts', async (t) => {
  const board = new Board<JointMessage>(MEMBERS)
  t.same(codes(await Promise.allSettled(MEMBERS.map((member) => run(board.line(member))))), [UNION, UNION, UNION])
  for (const member of MEMBERS) {
    const counts = board.said.get(member)!.flatMap((said) => (said.kind === 'counts' ? [said.value] : []))
    t.ok(counts.length >= 3, 'several rounds')
    // A count of at most 30 persons has three zero bytes; masked cells have them by chance once in 16 million.
    t.notOk(counts.some(({ cells }) => cells.some((_, at) => at % 4 === 0 && cells[at + 1] === 0 && cells[at + 2] === 0 && cells[at + 3] === 0)))
  }
})

t.test('a silent contributor is named and nothing is released; afterwards all begin anew, under other masks', async (t) => {
  const board = new Board<JointMessage>(MEMBERS)
  const [first, second] = await Promise.allSettled([1, 2].map((member) => run(board.line(member), { waitMs: 100 })))
  t.match(first, { reason: { code: 'JOINT_SILENT', details: { member: 4 } } })
  t.match(second, { reason: { code: 'JOINT_SILENT', details: { member: 4 } } })
  t.same(codes(await Promise.allSettled(MEMBERS.map((member) => run(board.line(member))))), [UNION, UNION, UNION])
})

t.test('a contributor that ends in the middle and comes back makes the others begin a new epoch; no vector is said under a mask twice', async (t) => {
  const board = new Board<JointMessage>(MEMBERS)
  const others = [1, 4].map((member) => run(board.line(member), { waitMs: 5_000 }))
  await t.rejects(run(board.line(2, { dieAt: 2 })), /the process ended/)
  t.same(codes(await Promise.allSettled([...others, run(board.line(2))])), [UNION, UNION, UNION])
  for (const member of MEMBERS) {
    const first = board.said.get(member)!.flatMap((said) => (said.kind === 'counts' && said.value.round === 0 ? [said.value] : []))
    t.equal(first.length, new Set(first.map(({ epoch }) => epoch)).size, 'one vector for a round of an epoch')
    t.equal(new Set(first.map(({ cells }) => toHex(cells))).size, first.length)
    t.ok(first.length > 1, 'the round was said again')
  }
})

t.test('who tells different things to different others, or counts other rows than it selected, is noticed by all', async (t) => {
  const twisted = new Board<JointMessage>(MEMBERS)
  const twist = (said: JointMessage, from: number): JointMessage => {
    if (from !== 2 || said.kind !== 'counts' || said.value.round !== 1) return said
    const cells = said.value.cells.slice()
    for (let at = 0; at < cells.length; at += 4) cells[at]! ^= 1
    return { kind: 'counts', value: { ...said.value, cells } }
  }
  const outcomes = codes(await Promise.allSettled(MEMBERS.map((member) => run(twisted.line(member, member === 4 ? { twist } : {}), { waitMs: 300 }))))
  for (const outcome of outcomes) t.match(outcome, /^(?:JOINT_DIVERGED|JOINT_SILENT|ANONYMIZATION_JOINT_CONTRADICTORY)$/)
  const lying = new Board<JointMessage>(MEMBERS)
  t.same(codes(await Promise.allSettled(MEMBERS.map((member) => run(lying.line(member), { rows: member === 2 ? rowsOf(2).slice(1) : rowsOf(member), waitMs: 300 })))), ['JOINT_DIVERGED', 'JOINT_DIVERGED', 'JOINT_DIVERGED'])
})

t.test('a message out of turn is refused, and so is one under another key, place or chain', async (t) => {
  const board = new Board<JointMessage>(MEMBERS)
  const twist = (said: JointMessage, from: number): JointMessage => (from === 2 && said.kind === 'counts' ? { kind: 'counts', value: { ...said.value, first: 7 } } : said)
  t.equal(codes(await Promise.allSettled(MEMBERS.map((member) => run(board.line(member, { twist }), { waitMs: 200 }))))[0], 'JOINT_FORGED')
  const [signer, other] = [createSigner(randomBytes(32)), createSigner(randomBytes(32))]
  const place = { chain: new Uint8Array(32), request: new Uint8Array(32), member: 1, sequence: 0 }
  const message: JointMessage = { kind: 'hello', value: { epoch: 1, key: new Uint8Array(32) } }
  const sealed = sealMessage(place, message, signer, jointMessage)
  t.same(openMessage(place, sealed, [other.publicKey, signer.publicKey], jointMessage), message)
  t.equal(openMessage(place, sealed, [other.publicKey], jointMessage), undefined)
  for (const elsewhere of [{ sequence: 1 }, { member: 2 }, { chain: new Uint8Array(32).fill(1) }, { request: new Uint8Array(32).fill(1) }]) t.equal(openMessage({ ...place, ...elsewhere }, sealed, [signer.publicKey], jointMessage), undefined)
  t.throws(() => openMessage(place, sealed.subarray(1), [signer.publicKey], jointMessage), { code: /^CODEC_/ })
})

t.test('a floor that an institution cannot keep, and a floor that it can', async (t) => {
  t.throws(() => run(new Board<JointMessage>(MEMBERS).line(1), { rows: rowsOf(1).slice(0, 3), floor: 4 }), { code: 'ANONYMIZATION_K_ABOVE_ROWS' })
  const board = new Board<JointMessage>(MEMBERS)
  const outcomes = codes(await Promise.allSettled(MEMBERS.map((member) => run(board.line(member), { floor: 6 }))))
  t.equal(new Set(outcomes).size, 1)
  t.match(outcomes[0], /^[0-9a-f]{64}$/)
})
