// Goal: calls are total and deterministic, a failed one writes nothing, and no sequence of calls breaks what the contracts promise.
// Method: 1,200 seeded transactions of every call by every kind of account, their arguments made from the schemas' shapes over a pool of ids that exist.
import t from 'tap'
import { compareBytes, toHex } from '../../primitives/bytes.ts'
import { CALLS } from '../../primitives/calls/index.ts'
import { encode } from '../../primitives/codec.ts'
import type { Schema, SchemaShape } from '../../primitives/codec.ts'
import { receiptSchema } from '../../primitives/receipt.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { createTransaction } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { listConsents, readerOf, RUNTIME_CODES } from '../../contracts/index.ts'
import { sequences } from '../../contracts/identity/accounts.ts'
import { liveConsents } from '../../contracts/consent/basis.ts'
import { bytes32, ContractWorld, sectionOf, signerOf, tagOf } from '../helpers/contract-world.ts'
import type { Actor } from '../helpers/contract-world.ts'

const SEED = 7_112_026

class Fuzzer {
  readonly ids: Uint8Array[]
  private state: number
  readonly world: ContractWorld
  /** Of the account whose transaction is being made. */
  lastSeq = 0n

  constructor(world: ContractWorld, seed: number, ids: Uint8Array[]) {
    this.world = world
    this.state = seed
    this.ids = ids
  }

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.state / 2 ** 32) * limit)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  /** A value of the shape, near what the contracts look at: small numbers, times around now, ids that exist, tags that repeat. */
  value(shape: SchemaShape, name: string): unknown {
    switch (shape.kind) {
      case 'boolean': return this.below(2) === 0
      case 'u32': return this.pick([0, 1, 1, 2, 2, 3, 9])
      case 'u64': return name === 'seq' ? this.lastSeq + this.pick([0n, 1n, 1n, 1n, 1n, 2n, 70_000n]) : this.world.timeMs + this.pick([-1000n, 0n, 1n, 50n, 100_000n, 86_400_000n])
      case 'i64': return 0n
      case 'oneOf': return this.pick(shape.values)
      case 'bytes': return new Uint8Array(0)
      case 'text': return name === 'addresses' ? '/ip4/127.0.0.1/tcp/1' : name === 'purpose' ? 'TREAT' : 'access'
      case 'fixedBytes': return shape.length === 32 ? this.pick(this.ids) : shape.length === 16 ? tagOf(String(this.below(6))) : shape.length === 33 ? ed25519KeyId(signerOf(`k${this.below(5)}`).publicKey) : new Uint8Array(shape.length)
      case 'optional': return this.below(2) === 0 ? null : this.value(shape.of, name)
      case 'array': {
        const length = Math.min(shape.max, Math.max(shape.min, this.below(4)))
        const items = Array.from({ length }, () => this.value(shape.of, name))
        if (name === 'tags') return Array.from({ length: 16 }, (_, i) => tagOf(String(i))).sort(compareBytes)
        return name === 'custodians' || name === 'sections' && shape.of.kind === 'u32' ? [...new Set(items as number[])].sort((a, b) => a - b) : items
      }
      case 'variant': {
        const kind = this.pick(Object.keys(shape.options))
        return { kind, value: this.value(shape.options[kind]!, kind) }
      }
      case 'struct': return Object.fromEntries(Object.entries(shape.fields).map(([field, of]) => [field, this.value(of, field)]))
    }
  }
}

/** Plays the seed's transactions in blocks and looks at the promises after each. Returns everything that nodes must agree on. */
function play(seed: number, check: (world: ContractWorld, transaction: Transaction, actor: string, code: string, before: Map<string, Uint8Array>) => void): string {
  const world = new ContractWorld()
  const actors: Record<string, Actor> = { institution1: world.institution(1), institution2: world.institution(2) }
  for (const kind of ['patient', 'clinician', 'researcher', 'auditor'] as const) for (const member of [1, 2]) actors[`${kind}${member}`] = world.enroll(member, kind, `${kind}${member}`)
  const record = bytes32('record')
  world.call(world.institution(1), 'records', 'register', world.registration(actors['patient1']!.account, record, [sectionOf('0'), sectionOf('1')]))
  const fuzzer = new Fuzzer(world, seed, [record, bytes32('nothing'), ...Object.values(actors).map(({ account }) => account)])
  const calls = Object.entries(CALLS).flatMap(([contract, of]) => Object.entries(of).map(([call, schema]) => ({ contract, call, schema: schema as Schema<unknown> })))
  const log: string[] = []
  for (let i = 0; i < 1800; i++) {
    const { contract, call, schema } = fuzzer.pick(calls)
    // Mostly those who may, so that calls get beyond their first check.
    const likely = { consent: ['patient1', 'patient2'], identity: ['institution1', 'institution2', 'patient1'], records: ['institution1'], access: ['clinician1', 'clinician2'], anonymization: ['institution1', 'institution2', 'researcher1'], membership: ['institution1', 'institution2'] }[contract]!
    const name = fuzzer.below(5) === 0 ? fuzzer.pick(Object.keys(actors)) : fuzzer.pick(likely)
    const actor = actors[name]!
    fuzzer.lastSeq = readerOf(world.state).get(sequences, actor.account) ?? 0n
    const salt = new Uint8Array(16)
    new DataView(salt.buffer).setUint32(0, i)
    // A suspended account stays out; that is authorisation, tested elsewhere.
    const transaction = createTransaction({ chain: world.chain, account: actor.account, contract, call, args: encode(schema, fuzzer.value(schema.shape, call)), validUntil: world.timeMs + 60_000n, salt }, actor.signer)
    const before = new Map(world.state.entries)
    const outcome = world.block([transaction], BigInt(fuzzer.below(30)))
    if ('refused' in outcome) {
      log.push(outcome.refused.code)
      continue
    }
    const receipt = outcome.receipts[0]!
    log.push(toHex(encode(receiptSchema, receipt)))
    if (receipt.code === 'OK' && (call === 'grant' || call === 'enroll')) fuzzer.ids.push(transaction.id)
    check(world, transaction, name, receipt.code, before)
  }
  return `${log.join('\n')}\n${world.state.dump()}`
}

t.test(`every call answers every caller with a code it documents, and fails without a trace (seed ${SEED})`, async (t) => {
  const counts = new Map<string, number>()
  play(SEED, (world, { body }, actor, code, before) => {
    counts.set(code, (counts.get(code) ?? 0) + 1)
    const codes = world.registry.contract(body.contract, 1n)!.codes
    if (code !== 'OK' && !(code in codes) && !(code in RUNTIME_CODES)) t.fail(`${body.contract}.${body.call}: undocumented ${code}`)
    const changed = [...world.state.entries].filter(([key, value]) => before.get(key) !== value).map(([key]) => key)
    const removed = [...before.keys()].filter((key) => !world.state.entries.has(key))
    const beyondReplay = [...changed, ...removed].filter((key) => !key.startsWith('00'))
    if (code !== 'OK' && beyondReplay.length > 0) t.fail(`${body.contract}.${body.call} failed with ${code} and wrote`)
    if (beyondReplay.some((key) => key.startsWith('03')) && !actor.startsWith('patient')) t.fail(`${actor} changed a consent`)
    if (beyondReplay.some((key) => key.startsWith('01') && (body.contract !== 'membership' || /^01(?:0[1-4]|09)/.test(key)))) t.fail('a call without a quorum of ballots changed membership')
    if (body.contract === 'access' && beyondReplay.length > 0) t.fail('access wrote')
  })
  t.ok((counts.get('OK') ?? 0) > 100, `${counts.get('OK')} took effect`)
  t.ok(counts.size > 20, `${counts.size} different codes were seen: ${[...counts.keys()].join(' ')}`)
})

t.test('after any sequence of calls the lists say what the consents say', async (t) => {
  for (const seed of [1, 2]) {
    let last: ContractWorld | undefined
    play(SEED + seed, (world) => { last = world })
    const reader = readerOf(last!.state)
    const patients = ['patient1', 'patient2'].map((label, i) => ({ label, member: i + 1 }))
    let seen = 0
    for (const { label } of patients) {
      const account = findAccount(last!, label)
      const all = listConsents(reader, account, 0, 10_000)
      const grantees = new Map(all.map(({ terms: { grantee } }) => [JSON.stringify(grantee.kind === 'account' ? toHex(grantee.value) : grantee.value), grantee]))
      for (const grantee of grantees.values()) {
        const of = (id: typeof grantee) => (id.kind === 'account' ? toHex(id.value) : String(id.value))
        const listed = grantee.kind === 'account' ? liveConsents(reader, account, grantee.value, 0) : liveConsents(reader, account, bytes32('nobody'), grantee.value)
        const live = all.filter(({ state, terms }) => state === 'live' && terms.grantee.kind === grantee.kind && of(terms.grantee) === of(grantee))
        t.same(listed.map(({ id }) => toHex(id)).sort(), live.map(({ id }) => toHex(id)).sort(), label)
      }
      seen += all.length
    }
    t.ok(seen > 0, 'there were consents to list')
  }
})

/** The account enrolled with a label's key, found again in the state. */
function findAccount(world: ContractWorld, label: string): Uint8Array {
  const key = toHex(ed25519KeyId(signerOf(label).publicKey))
  const [found] = [...world.state.entries].filter(([name, value]) => name.startsWith('0201') && toHex(value).includes(key)).map(([name]) => name)
  return Uint8Array.from(Buffer.from(found!.slice(4), 'hex'))
}

t.test('two nodes that play the same blocks agree on every receipt and every byte', async (t) => {
  t.equal(play(SEED, () => undefined), play(SEED, () => undefined))
})
