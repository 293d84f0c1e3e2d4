// Goal: evidence is kept once per misdeed, within bounds, verified before it is passed on, and survives a restart.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encode } from '../../primitives/codec.ts'
import { evidenceSchema, makeEvidence } from '../../primitives/evidence.ts'
import type { Evidence } from '../../primitives/evidence.ts'
import { noMetrics } from '../../primitives/ports.ts'
import { EvidenceStore } from '../../node/evidence.ts'
import { attestation, PIECES, sample, vote } from '../helpers/equivocation.ts'
import { keepingLogger } from '../helpers/log-lines.ts'

function open(folder: string, start = 0) {
  const log = keepingLogger()
  const time = { ms: start }
  const published: Uint8Array[] = []
  const store = new EvidenceStore(folder, { id: sample.chain, sets: () => [sample.set] }, {
    logger: log.logger, metrics: noMetrics, clock: { nowMs: () => time.ms, monotonicMs: () => time.ms }, publish: async (data) => { published.push(data) },
  })
  const path = join(folder, 'evidence.ndjson')
  /** Whole lines. The file is there, and grows, some time after a piece was kept. */
  const lines = (): string[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [])
  return { store, published, log, time, lines }
}
const wire = (i: number): Uint8Array => encode(evidenceSchema, makeEvidence(PIECES[i]!))
const until = async (holds: () => boolean): Promise<void> => { while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2)) }

t.test('garbage and forgeries from the wire are rejected and leave nothing', async (t) => {
  const { store } = open(t.testdir())
  t.equal(store.receive(2, new Uint8Array(100)), 'reject')
  t.equal(store.receive(2, new Uint8Array(100_000)), 'reject')
  const forged = makeEvidence({ kind: 'vote', value: { first: vote(3, 1), second: { ...vote(3, 2), signature: new Uint8Array(64) } } })
  t.equal(store.receive(2, encode(evidenceSchema, forged)), 'reject')
  t.same(store.list, [])
})

t.test('a piece is kept, told and alarmed once, whoever brings it first, and is there after a restart', async (t) => {
  const folder = t.testdir()
  const { store, published, log, lines } = open(folder)
  t.ok(store.keep(PIECES[0]!))
  t.notOk(store.keep(PIECES[0]!))
  t.equal(store.receive(2, wire(0)), 'ignore')
  t.equal(store.receive(2, wire(1)), 'accept', 'a verified piece of another is passed on by gossip')
  t.equal(store.receive(3, wire(1)), 'ignore')
  t.equal(published.length, 1, 'only what was found here is published here')
  t.match(log.lines.filter(({ fields }) => fields['code'] === 'EQUIVOCATION').map(({ fields }) => fields), [{ kind: 'attestation', node: 2, at: 3 }, { kind: 'header', node: 1, at: 3 }])
  await until(() => lines().length === 2)
  const again = open(folder)
  await again.store.load()
  t.same(again.store.list.map(({ proven }) => proven), store.list.map(({ proven }) => proven))
  t.notOk(again.store.keep(PIECES[0]!))
  t.same(again.store.accused, [1, 2])
  again.store.repeat()
  t.equal(again.published.length, 2, 'a node that was away is told')
})

t.test('a file that a crash cut, or that somebody wrote into, loses no other piece, then or later', async (t) => {
  const folder = t.testdir()
  const first = open(folder)
  t.ok(first.store.keep(PIECES[0]!))
  await until(() => first.lines().length === 1)
  const path = join(folder, 'evidence.ndjson')
  const whole = readFileSync(path, 'utf8')
  writeFileSync(path, `null\n7\n[]\n${whole.replace(/"seenAt":"[^"]*"/, '"seenAt":"soon"')}${whole.slice(0, 200)}`)
  const second = open(folder, 5)
  await second.store.load()
  t.match(second.store.list, [{ proven: { kind: 'attestation' }, seenAtMs: 5 }], 'a time that is none is now')
  t.ok(second.store.keep(PIECES[1]!))
  await until(() => second.lines().length === 6)
  t.ok(second.store.keep(PIECES[2]!))
  await until(() => second.lines().length === 7)
  const third = open(folder)
  await third.store.load()
  t.same(third.store.list.map(({ proven }) => proven.kind), ['attestation', 'header', 'vote'], 'what was kept behind the torn line is whole')
})

t.test('pieces kept at once behind a torn line stand in the file one after another, as they were kept', async (t) => {
  const folder = t.testdir({ 'evidence.ndjson': '{"kind":' })
  const first = open(folder)
  await first.store.load()
  const at = (term: number): Evidence => ({ kind: 'vote', value: { first: vote(3, 1, term), second: vote(3, 2, term) } })
  for (let term = 1; term <= 100; term++) t.ok(first.store.keep(at(term)))
  await until(() => first.lines().length === 101)
  const second = open(folder)
  await second.store.load()
  t.same(second.store.list.map(({ proven }) => proven.key), first.store.list.map(({ proven }) => proven.key))
})

t.test('one liar fills nothing: pieces of a node are bounded, and a peer that brings many is slowed down', async (t) => {
  const { store, time, lines } = open(t.testdir())
  let kept = 0
  for (let term = 1; term <= 130; term++) if (store.keep({ kind: 'vote', value: { first: vote(3, 1, term), second: vote(3, 2, term) } })) kept++
  t.equal(kept, 100)
  t.notOk(store.isOpenFor(3))
  const flood = (from: number): number => Array.from({ length: 60 }, () => store.receive(from, new Uint8Array(3))).filter((verdict) => verdict === 'reject').length
  t.equal(flood(4), 20, 'beyond its allowance nothing of a peer is even looked at')
  time.ms += 2000
  t.equal(flood(4), 10)
  t.equal(store.receive(2, encode(evidenceSchema, makeEvidence({ kind: 'attestation', value: { first: attestation(2, 2), second: attestation(2, 2, { term: 9 }) } }))), 'accept', 'others are heard')
  await until(() => lines().length === 101) // The folder goes only after what is written into it.
})
