// Goal: a custodian gives a key on a final, live permit that more than two thirds of the members still carry, and on nothing else (DESIGN §5.13, issue "Shows" 8).
// Method: permits with real certificates and heads with real signatures; the institution's own node is played by the test, and lies where it can.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { decisionEvent } from '../../primitives/calls/access.ts'
import type { DecisionEvent } from '../../primitives/calls/access.ts'
import { encode } from '../../primitives/codec.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import type { RpcPermit, RpcPermits, RpcReleaseCheck } from '../../primitives/rpc-types.ts'
import { signedHeadBytes } from '../../primitives/signed-head.ts'
import { createSealKeyPair, openSectionKey } from '../../privacy/seal.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { BaseError } from '../../client/errors.ts'
import { webRandom } from '../../client/platform.ts'
import { CustodianCursor, FEED_START, placeBefore } from '../../node/custodian-cursor.ts'
import { CustodianFollower } from '../../node/custodian-follower.ts'
import { bundleBytes, releaseKeys, verifyPermit } from '../../node/custodian-release.ts'
import type { ReleaseParts } from '../../node/custodian-release.ts'
import { attester, certifiedBundle, seed, testGenesis } from '../client/fake-node.ts'
import { keepingLogger } from '../helpers/log-lines.ts'
import { SteleError } from '../../primitives/error.ts'

const genesis = testGenesis(4)
const chain = chainFromGenesis(genesis)
const reader = createSealKeyPair(webRandom)
const sectionKey = { key: seed(51), salt: seed(52), plaintextDigest: seed(53) }
const refusal = (code: string, retryable = false): Error => new BaseError({ code, message: 'refused by the test', retryable })

function permitOf(n: number, more: Partial<DecisionEvent> = {}): DecisionEvent {
  return {
    request: seed(n), requester: seed(2), subject: seed(3), record: seed(4), version: 1, sections: [1], action: 'read', purpose: 'TREAT', decision: 'permit', basis: seed(5),
    until: BigInt(Date.now() + 300_000), readerKey: reader.publicKey, detailsHash: seed(6), ...more,
  }
}

/** A permit as the feed shows it, certified by `voters`. */
function feedItem(decision: DecisionEvent, { height = 10, voters = [1, 2, 3], tx = decision.request, code = 'OK' }: { height?: number; voters?: number[]; tx?: Uint8Array; code?: string } = {}): RpcPermit {
  const receipt = { tx, position: 0, code, cost: 1, events: [{ contract: 'access', name: 'decision', data: encode(decisionEvent, decision) }] }
  return { height, position: 0, timeMs: 0, decision: {} as never, bundle: toHex(encode(receiptBundle, certifiedBundle(genesis, [receipt], 0, { height, voters }))) }
}

interface Answering { nodes: number[]; code: string; height: number; wrongNonce: boolean; badSignature: boolean; checkedAt: number }
/** The institution's node and key store, with knobs. */
function scene(answering: Partial<Answering> = {}) {
  const knobs: Answering = { nodes: [1, 2, 3], code: 'OK', height: 20, wrongNonce: false, badSignature: false, checkedAt: 20, ...answering }
  const posted = new Map<string, Uint8Array>()
  const nonces: string[] = []
  const clock = { now: Date.now() }
  const check = (request: Uint8Array, nonce: Uint8Array): RpcReleaseCheck => {
    nonces.push(toHex(nonce))
    const heads = knobs.nodes.map((node) => {
      const content = { nonce: knobs.wrongNonce ? seed(9) : nonce, request, node, height: BigInt(knobs.height), block: seed(8), term: 3, timeMs: 5n }
      return { member: node, node, height: knobs.height, hash: toHex(seed(8)), term: 3, timeMs: 5, signature: toHex(attester(knobs.badSignature ? 90 : node).sign(signedHeadBytes(chain.id, content))) }
    })
    return { request: toHex(request), nonce: toHex(nonce), heads, needed: 3, release: knobs.code === 'OK', code: knobs.code, checkedAt: { height: knobs.checkedAt, hash: toHex(seed(8)), timeMs: 5 }, asOf: { height: 20, hash: '', term: 3 } }
  }
  const parts: ReleaseParts = {
    chain, random: webRandom, nowMs: () => clock.now,
    keys: { get: (_record, version) => (version === 1 ? Promise.resolve(sectionKey) : Promise.reject(refusal('KEY_STORE_NOT_FOUND'))) },
    node: {
      releaseCheck: (request, nonce) => Promise.resolve(check(request, nonce)),
      mailboxPut: ({ request, section, sealed }) => {
        const address = `${toHex(request)}/${section}`
        if (posted.has(address)) return Promise.reject(refusal('MAILBOX_CONFLICT'))
        posted.set(address, sealed)
        return Promise.resolve()
      },
    },
  }
  return { knobs, posted, nonces, clock, parts }
}

t.test('what does not prove itself a final permit is no permit', async (t) => {
  const verify = (item: RpcPermit): DecisionEvent => verifyPermit(chain, bundleBytes(item.bundle))
  t.throws(() => verify(feedItem(permitOf(1), { voters: [1, 2] })), { code: 'CERTIFICATE_TOO_FEW' })
  t.throws(() => verify(feedItem(permitOf(1), { voters: [1, 2, 2] })), { code: 'CERTIFICATE_SIGNER_TWICE' })
  t.throws(() => verify(feedItem(permitOf(1), { voters: [1, 2, 7] })), { code: 'CERTIFICATE_SIGNER_UNKNOWN' })
  t.throws(() => verify(feedItem(permitOf(1, { decision: 'deny' }))), { code: 'CUSTODIAN_NOT_A_PERMIT' }, 'a denial')
  t.throws(() => verify(feedItem(permitOf(1), { tx: seed(99) })), { code: 'CUSTODIAN_NOT_A_PERMIT' }, 'another transaction\'s permit')
  t.throws(() => verify(feedItem(permitOf(1), { code: 'SOME_CODE' })), { code: 'CUSTODIAN_NOT_A_PERMIT' }, 'a failed transaction')
  t.throws(() => verifyPermit(chain, bundleBytes('zz')), { code: 'CUSTODIAN_NOT_A_PERMIT' })
  const flipped = feedItem(permitOf(1)).bundle
  t.throws(() => verifyPermit(chain, bundleBytes(flipped.slice(0, 400) + (flipped[400] === '0' ? '1' : '0') + flipped.slice(401))), 'one flipped digit')
  t.same(verify(feedItem(permitOf(1))).request, seed(1))
})

t.test('no key leaves while too few members answer, whatever the node says', async (t) => {
  const tooFew = { state: 'waiting', code: 'RELEASE_TOO_FEW_HEADS' }
  for (const [what, knobs] of [
    ['two of four', { nodes: [1, 2] }], ['one member three times', { nodes: [1, 1, 1] }], ['strangers among them', { nodes: [1, 2, 9] }], ['heads of an earlier question', { wrongNonce: true }],
    ['signatures by another key', { badSignature: true }], ['nobody', { nodes: [] }],
  ] as const) {
    const { parts, posted } = scene({ ...knobs, nodes: [...('nodes' in knobs ? knobs.nodes : [1, 2, 3, 4])] })
    t.same(await releaseKeys(parts, permitOf(1)), tooFew, what)
    t.equal(posted.size, 0)
  }
  const { parts } = scene({ height: 25, checkedAt: 20 })
  await t.rejects(releaseKeys(parts, permitOf(1)), { code: 'CUSTODIAN_HEADS_INVALID' }, 'a verdict given below the highest head is no verdict')
})

t.test('a revoked, ended or foreign permit is over', async (t) => {
  const revoked = scene({ code: 'BASIS_GONE' })
  t.same(await releaseKeys(revoked.parts, permitOf(1)), { state: 'ended', code: 'BASIS_GONE' })
  const ended = scene()
  t.same(await releaseKeys(ended.parts, permitOf(1, { until: BigInt(ended.clock.now) })), { state: 'ended', code: 'PERMIT_ENDED' }, 'by this clock, not the node\'s')
  t.equal(ended.nonces.length, 0, 'and nobody is asked')
  const foreign = scene()
  t.same(await releaseKeys(foreign.parts, permitOf(1, { version: 2 })), { state: 'ended', code: 'KEY_STORE_NOT_FOUND' })
  t.equal(revoked.posted.size + ended.posted.size + foreign.posted.size, 0)
})

t.test('a permit that ends, or whose check grows old, between two sections stops there', async (t) => {
  const late = scene()
  const permit = permitOf(1, { sections: [1, 2], until: BigInt(late.clock.now + 1_000) })
  const slow = { ...late.parts, node: { ...late.parts.node, mailboxPut: async (entry: never) => { late.clock.now += 2_000; return late.parts.node.mailboxPut(entry) } } }
  t.same(await releaseKeys(slow, permit), { state: 'ended', code: 'PERMIT_ENDED' })
  t.equal(late.posted.size, 1)
  const old = scene()
  const slower = { ...old.parts, node: { ...old.parts.node, mailboxPut: async (entry: never) => { old.clock.now += 6_000; old.knobs.code = 'BASIS_GONE'; return old.parts.node.mailboxPut(entry) } } }
  t.same(await releaseKeys(slower, permitOf(1, { sections: [1, 2] })), { state: 'ended', code: 'BASIS_GONE' })
  t.equal(new Set(old.nonces).size, 2, 'each check under a nonce of its own')
})

t.test('a live permit brings its key to the reader alone; repeating it changes nothing', async (t) => {
  const { parts, posted } = scene()
  const permit = permitOf(1)
  t.same(await releaseKeys(parts, permit), { state: 'released', sections: 1 })
  const sealed = posted.get(`${toHex(permit.request)}/1`)!
  const context = { chain: chain.id, request: permit.request, record: permit.record, version: 1, section: 1, readerKey: reader.publicKey }
  t.same(await openSectionKey(reader.secretKey, context, sealed), sectionKey)
  await t.rejects(openSectionKey(seed(77), context, sealed), { code: 'SEAL_OPEN_FAILED' })
  t.same(await releaseKeys(parts, permit), { state: 'released', sections: 1 })
  t.equal(posted.get(`${toHex(permit.request)}/1`), sealed, 'the first sealing stands')
})

/** A follower over a list of feed items; the feed honours the place it is asked from, as the node does. */
function following(t: Test, directory: string, items: RpcPermit[], parts: ReleaseParts) {
  const asked: { height: number; position: number }[] = []
  const follower = new CustodianFollower({ waitMs: 20, retryMs: 10 }, {
    chain, followMembers: async () => false, release: parts, logger: silentLogger, cursor: new CustodianCursor(join(directory, 'cursor')),
    feed: async (after, limit, waitMs, signal): Promise<RpcPermits> => {
      asked.push(after)
      const found = items.filter(({ height, position }) => height > after.height || (height === after.height && position > after.position)).slice(0, limit)
      if (found.length === 0) await new Promise<void>((resolve) => { const timer = setTimeout(resolve, waitMs); signal.addEventListener('abort', () => { clearTimeout(timer); resolve() }) })
      const last = found.at(-1)
      return { items: found, next: last === undefined ? after : { height: last.height, position: last.position }, asOf: { height: 0, hash: '', term: 0 } }
    },
  })
  t.teardown(() => follower.stop())
  return { follower, asked, cursor: () => new CustodianCursor(join(directory, 'cursor')).load() }
}

const eventually = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10)) // The test's own time-out ends a hang.
}

t.test('the cursor passes a permit only when it is done with, so that a kill at any moment loses none', async (t) => {
  const directory = t.testdir()
  const cut = scene({ nodes: [1] })
  const items = [feedItem(permitOf(1), { height: 10 }), feedItem(permitOf(2), { height: 11 })]
  const first = following(t, directory, items, cut.parts)
  await first.follower.start()
  await first.follower.start()
  await eventually(() => first.follower.counts.waiting > 3 && existsSync(join(directory, 'cursor')))
  t.same(await first.cursor(), placeBefore({ height: 10, position: 0 }), 'both are open: a restart reads them again')
  cut.knobs.nodes = [1, 2, 3]
  await eventually(() => first.follower.counts.released === 2)
  t.equal(cut.posted.size, 2)
  await first.follower.stop()
  await first.follower.stop()
  t.same(await first.cursor(), { height: 11, position: 0 })

  items.push(feedItem(permitOf(3), { height: 12 }))
  const second = following(t, directory, items, cut.parts)
  await second.follower.start()
  await eventually(() => second.follower.counts.released === 1)
  await second.follower.stop()
  t.same(second.asked[0], { height: 11, position: 0 }, 'the restart goes on after the last permit')
  t.equal(cut.posted.size, 3)
})

t.test('a permit with a bad proof is counted and passed over; a revoked one is not released; the others go on', async (t) => {
  const { parts, posted } = scene()
  const items = [feedItem(permitOf(1), { voters: [1, 2] }), feedItem(permitOf(2, { version: 2 }), { height: 11 }), feedItem(permitOf(3), { height: 12 })]
  const { follower, cursor } = following(t, t.testdir(), items, parts)
  await follower.start()
  await eventually(() => follower.counts.released === 1 && follower.counts.ended === 1)
  t.same([...posted.keys()], [`${toHex(seed(3))}/1`])
  t.equal(follower.counts.faults, 1)
  await follower.stop()
  t.same(await cursor(), { height: 12, position: 0 })
})

t.test('a node that stays down is told once a minute, and counted each time', async (t) => {
  const { logger, lines } = keepingLogger()
  const follower = new CustodianFollower({ waitMs: 5, retryMs: 1 }, {
    chain, followMembers: async () => false, release: scene().parts, logger, cursor: new CustodianCursor(join(t.testdir(), 'cursor')),
    feed: async () => { throw new SteleError({ code: 'CLIENT_UNREACHABLE', message: 'no node', retryable: true }) },
  })
  t.teardown(() => follower.stop())
  await follower.start()
  await eventually(() => follower.counts.faults > 5)
  t.equal(lines.filter(({ level }) => level === 'warn').length, 1)
})

t.test('a damaged cursor file is said, not guessed', async (t) => {
  const directory = t.testdir()
  mkdirSync(directory, { recursive: true })
  t.same(await new CustodianCursor(join(directory, 'cursor')).load(), FEED_START)
  writeFileSync(join(directory, 'cursor'), '12 x\n')
  await t.rejects(new CustodianCursor(join(directory, 'cursor')).load(), { code: 'CUSTODIAN_CURSOR_DAMAGED' })
})
