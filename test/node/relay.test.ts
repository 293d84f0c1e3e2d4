import t from 'tap'
import { array, bytes, encode, struct } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { silentLogger } from '../../primitives/ports.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { Admission } from '../../node/admission.ts'
import { Relay } from '../../node/relay.ts'
import { enrolmentOf } from '../helpers/calls.ts'
import { signerOf } from '../helpers/contract-world.ts'

const chain = new Uint8Array(32).fill(1)
const enrolment = (): Transaction => enrolmentOf(chain, { account: new Uint8Array(32).fill(2), signer: signerOf('operator') }).transaction
const batchOf = (...transactions: readonly Uint8Array[]): Uint8Array => encode(struct({ transactions: array(bytes({ max: 65_536 }), { max: 300 }) }), { transactions })

/** A relay whose door answers by code: undefined takes, `known` has it already, anything else refuses. */
function bench(answer: (bytes: Uint8Array) => string | undefined = () => undefined, { leader = 2, waiting = [], forward = () => Promise.resolve() }: { leader?: number; waiting?: readonly Transaction[]; forward?: () => Promise<unknown> } = {}) {
  const published: Uint8Array[] = []
  const forwarded: { readonly to: number; readonly data: Uint8Array }[] = []
  const blamed: number[] = []
  let admitted = 0
  const door = {
    admit: (envelope: Uint8Array) => {
      const code = answer(envelope)
      if (code === undefined || code === 'known') return Promise.resolve({ known: code === 'known' })
      return Promise.reject(code === 'bug' ? new Error('broken') : new SteleError({ code, message: 'refused' }))
    },
  } as unknown as Admission
  const relay = new Relay({
    admission: door, self: 1, leader: () => leader, waiting: () => waiting, onAdmitted: () => { admitted++ }, publish: (data) => {
      published.push(data)
      return Promise.resolve()
    },
    forward: (to, data) => {
      forwarded.push({ to, data })
      return forward()
    },
    blame: (node) => { blamed.push(node) }, clock: { nowMs: () => 0, monotonicMs: () => performance.now() }, logger: silentLogger,
  })
  t.teardown(() => relay.stop())
  return { relay, published, forwarded, blamed, admitted: () => admitted }
}

t.test('a sender deserves rejection for what no sound member passes on, and none for what merely came too early or too late', async (t) => {
  const verdictFor = async (code: string | undefined): Promise<string> => bench(() => code).relay.receive(batchOf(enrolment().bytes))
  for (const code of ['TX_SIGNATURE_INVALID', 'TX_WRONG_CHAIN', 'CODEC_MALFORMED']) t.equal(await verdictFor(code), 'reject', code)
  for (const code of ['TX_EXPIRED', 'ACCOUNT_UNKNOWN', 'SIGNER_NOT_ACTIVE', 'CONSENSUS_BUSY', 'known', 'bug']) t.equal(await verdictFor(code), 'ignore', code)
  t.equal(await verdictFor(undefined), 'accept')
})

t.test('a batch that is no batch is rejected', async (t) => {
  const { relay } = bench()
  t.equal(await relay.receive(new Uint8Array([1, 2, 3])), 'reject')
  t.equal(await relay.receive(batchOf()), 'reject', 'an empty one')
  t.equal(await relay.receive(batchOf(...Array.from({ length: 257 }, () => new Uint8Array(1)))), 'reject', 'one with too many')
})

t.test('one bad transaction spoils the verdict, not the good ones beside it', async (t) => {
  const [good, bad] = [enrolment(), enrolment()]
  const { relay, admitted } = bench((envelope) => (Buffer.from(envelope).equals(bad.bytes) ? 'TX_SIGNATURE_INVALID' : undefined))
  t.equal(await relay.receive(batchOf(bad.bytes, good.bytes)), 'reject')
  t.equal(admitted(), 1)
})

const soon = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 20) })

t.test('transactions admitted close together are handed to the leader as one batch, and to nobody else', async (t) => {
  const { relay, published, forwarded } = bench()
  const transactions = [enrolment(), enrolment(), enrolment()]
  for (const transaction of transactions) relay.relay(transaction)
  await soon()
  t.same(forwarded, [{ to: 2, data: batchOf(...transactions.map(({ bytes: envelope }) => envelope)) }])
  t.same(published, [])
})

t.test('they are gossiped to everybody when no leader is known, and when the leader does not take them', async (t) => {
  const transaction = enrolment()
  for (const { relay, published, tries } of [{ ...bench(undefined, { leader: 0 }), tries: 0 }, { ...bench(undefined, { forward: () => Promise.reject(new SteleError({ code: 'P2P_UNREACHABLE', message: 'gone' })) }), tries: 1 }]) {
    relay.relay(transaction)
    await soon()
    t.same(published, [batchOf(transaction.bytes)], `after ${tries} tries`)
  }
})

t.test('a thousand that a full leader did not take go to it again in the next round, one batch after another, the oldest to everybody', async (t) => {
  const waiting = Array.from({ length: 1000 }, enrolment)
  const answers: (() => void)[] = []
  const { relay, published, forwarded } = bench(undefined, { waiting, forward: () => new Promise<void>((resolve) => { answers.push(resolve) }) })
  relay.start()
  while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  for (let next = 0; next < 4; next++) {
    t.equal(answers.length, next + 1, 'the next when the one before was taken')
    answers[next]!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  relay.stop()
  const batches = [0, 256, 512, 768].map((at) => Buffer.from(batchOf(...waiting.slice(at, at + 256).map(({ bytes }) => bytes))).toString('hex'))
  t.same(forwarded.map(({ data }) => Buffer.from(data).toString('hex')), batches)
  t.same(published.map((data) => Buffer.from(data).toString('hex')), [batches[0]])
})

t.test('garbage that was handed over counts against its sender, what came too late does not', async (t) => {
  const { relay, blamed } = bench(() => 'TX_SIGNATURE_INVALID')
  await relay.take(3, batchOf(enrolment().bytes))
  await relay.take(4, new Uint8Array([1, 2, 3]))
  t.same(blamed, [3, 4])
  const late = bench(() => 'TX_EXPIRED')
  await late.relay.take(3, batchOf(enrolment().bytes))
  t.same(late.blamed, [])
})

t.test('what is stuck is told to everybody, by a leader and by others, who hand it to the leader once more', async (t) => {
  await Promise.all([1, 2].map(async (leader) => {
    const stuck = enrolment()
    const { relay, published, forwarded } = bench(undefined, { leader, waiting: [stuck] })
    if (leader === 1) relay.relay(stuck)
    await soon()
    t.same([published, forwarded], [[], []], 'nothing at once')
    relay.start()
    while (published.length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
    t.strictSame(published[0], batchOf(stuck.bytes))
    t.same(forwarded, leader === 1 ? [] : [{ to: 2, data: batchOf(stuck.bytes) }])
  }))
})
