import t from 'tap'
import { SteleError } from '../../primitives/error.ts'
import { DEFAULT_P2P } from '../../p2p/options.ts'
import type { P2pOptions } from '../../p2p/options.ts'
import { encodeHello } from '../../p2p/hello.ts'
import { requestHead } from '../../p2p/sync-frames.ts'
import { frameHeader, frameOf } from '../../p2p/wire.ts'
import { CHAIN, allReachable, poll, recordOf, startCluster, stopAll } from './cluster.ts'
import type { TestNode } from './cluster.ts'
import { closed, dial, startRogue } from './rogue.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const text = (data: Uint8Array): string => Buffer.from(data).toString()

async function startPair(sync: Partial<P2pOptions['sync']> = {}): Promise<{ one: TestNode; two: TestNode; nodes: TestNode[] }> {
  const nodes = await startCluster(2, { p2p: { sync: { ...DEFAULT_P2P.sync, ...sync } } })
  await allReachable(nodes)
  return { one: nodes[0]!, two: nodes[1]!, nodes }
}

t.test('each way to fail has its code', async (t) => {
  const { one, two, nodes } = await startPair({ frameBytesMax: 100_000 })
  t.teardown(() => stopAll(nodes))
  const { sync } = one.network
  two.network.sync.handle('refuse', async () => { throw new SteleError({ code: 'CONSENSUS_BUSY', message: 'text that stays here', retryable: true }) })
  two.network.sync.handle('fail', async () => { throw new Error('text that stays here') })
  two.network.sync.handle('hang', async () => new Promise<Uint8Array>(() => undefined))
  two.network.sync.handle('large', async () => new Uint8Array(1000))
  two.network.sync.handle('break', async () => {
    two.network.peers.disconnect(1, 'a break')
    return bytes('')
  })
  await t.rejects(sync.request(9, 'any', bytes('')), { code: 'P2P_UNREACHABLE', retryable: true })
  await t.rejects(sync.request(2, 'any', bytes('')), { code: 'P2P_METHOD_UNKNOWN', details: { node: 2, method: 'any' } })
  const refused = await sync.request(2, 'refuse', bytes('')).catch((error: unknown) => error)
  t.match(refused, { code: 'P2P_REMOTE_REFUSED', retryable: true, details: { code: 'CONSENSUS_BUSY' } })
  t.notMatch(String(refused), 'text that stays here')
  await t.rejects(sync.request(2, 'fail', bytes('')), { code: 'P2P_REMOTE_FAILED', retryable: false })
  await t.rejects(sync.request(2, 'hang', bytes(''), { timeoutMs: 30 }), { code: 'P2P_TIMED_OUT', retryable: true })
  await t.rejects(sync.request(2, 'hang', bytes(''), { signal: AbortSignal.abort() }), { code: 'P2P_ABORTED' })
  const giveUp = new AbortController()
  const given = sync.request(2, 'hang', bytes(''), { signal: giveUp.signal })
  giveUp.abort()
  await t.rejects(given, { code: 'P2P_ABORTED' })
  await t.rejects(sync.request(2, 'large', bytes(''), { maxBytes: 999 }), { code: 'P2P_ANSWER_TOO_LARGE' })
  t.equal((await sync.request(2, 'large', bytes(''), { maxBytes: 1000 })).length, 1000)
  await t.rejects(sync.request(2, 'large', new Uint8Array(100_000)), { code: 'P2P_MESSAGE_TOO_LARGE' })
  await t.rejects(sync.request(2, 'break', bytes('')), { code: 'P2P_CONNECTION_LOST', retryable: true })
})

t.test('answers come whole, whatever their size, and requests do not mix', async (t) => {
  const { one, two, nodes } = await startPair()
  t.teardown(() => stopAll(nodes))
  two.network.sync.handle('size', async (from, body) => {
    t.equal(from, 1)
    return new Uint8Array(Number(text(body))).fill(7)
  })
  two.network.sync.handle('echo', async (_, body) => body)
  for (const size of [0, 1, 16_384, 16_385, 1_310_719, 1_310_720, 5_000_000]) {
    const answer = await one.network.sync.request(2, 'size', bytes(String(size)))
    t.ok(answer.length === size && answer.every((byte) => byte === 7), `${size} bytes`)
  }
  const large = new Uint8Array(1_000_000).fill(3)
  t.ok(Buffer.compare(await one.network.sync.request(2, 'echo', large), large) === 0, 'a large request')
  const many = await Promise.all(Array.from({ length: 300 }, async (_, i) => text(await one.network.sync.request(2, 'echo', bytes(`number ${i}`)))))
  t.same(many, many.map((_, i) => `number ${i}`))
  const streams = one.network.peers.connection(2)!.streams.filter(({ protocol }) => protocol === '/stele/sync/1')
  t.ok(streams.length <= DEFAULT_P2P.sync.concurrentPerPeerMax, `${streams.length} streams served 300 requests`)
})

t.test('a stream keeps the pace of its reader, and ends when the reader leaves', async (t) => {
  const { one, two, nodes } = await startPair()
  t.teardown(() => stopAll(nodes))
  let made = 0
  const finished = new Promise<boolean>((resolve) => {
    two.network.sync.handle('blocks', async function* (_, __, { signal }) {
      try {
        for (;;) {
          made++
          yield new Uint8Array(1_000_000).fill(made)
        }
      } finally {
        resolve(signal.aborted)
      }
    })
  })
  let read = 0
  for await (const item of one.network.sync.stream(2, 'blocks', bytes(''))) {
    read++
    t.ok(item.length === 1_000_000 && item[0] === read, `item ${read}`)
    if (read === 3) await poll(() => made >= 5)
    if (read === 10) break
  }
  t.equal(await finished, true, 'the sender learns that nobody reads')
  t.ok(made < 40, `${made} items made for 10 read`)
})

t.test('a stream that fails half-way says so after the items before', async (t) => {
  const { one, two, nodes } = await startPair()
  t.teardown(() => stopAll(nodes))
  two.network.sync.handle('half', async function* () {
    yield bytes('a')
    yield bytes('b')
    throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'damaged' })
  })
  two.network.sync.handle('whole', async function* () { yield bytes('x') })
  const items: string[] = []
  const reading = (async () => { for await (const item of one.network.sync.stream(2, 'half', bytes(''))) items.push(text(item)) })()
  await t.rejects(reading, { code: 'P2P_REMOTE_REFUSED', details: { code: 'LEDGER_DAMAGED' } })
  t.same(items, ['a', 'b'])
  t.equal(text(await one.network.sync.request(2, 'whole', bytes(''))), 'x', 'the stream below is good for the next request')
})

t.test('a handler that takes too long is ended, and its caller told', async (t) => {
  const { one, two, nodes } = await startPair({ handlerTimeoutMs: 50 })
  t.teardown(() => stopAll(nodes))
  const told = new Promise<boolean>((resolve) => {
    two.network.sync.handle('slow', async (_, __, { signal }) => {
      await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }))
      resolve(signal.aborted)
      return bytes('too late')
    })
  })
  await t.rejects(one.network.sync.request(2, 'slow', bytes('')), { code: 'P2P_TIMED_OUT' })
  t.equal(await told, true)
})

t.test('requests beyond the slots wait in line, beyond the line they fail at once', async (t) => {
  const { one, two, nodes } = await startPair({ concurrentPerPeerMax: 2, queuedPerPeerMax: 3 })
  t.teardown(() => stopAll(nodes))
  let running = 0
  let most = 0
  two.network.sync.handle('count', async (_, body) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    return body
  })
  const results = await Promise.all(Array.from({ length: 7 }, (_, i) => one.network.sync.request(2, 'count', bytes(String(i))).then(text, (error: { code: string }) => error.code)))
  t.same(results, ['0', '1', '2', '3', '4', 'P2P_BUSY', 'P2P_BUSY'])
  t.ok(most <= 2)
})

t.test('a peer that asks beyond its allowance is refused, marked, and in the end cut off', async (t) => {
  const { one, two, nodes } = await startPair({ requestsPerSecond: 0.001, requestsBurst: 5 })
  t.teardown(() => stopAll(nodes))
  two.network.sync.handle('echo', async (_, body) => body)
  const codes: string[] = []
  const connection = one.network.peers.connection(2)!
  for (let i = 0; i < 200 && connection.status === 'open'; i++) codes.push(await one.network.sync.request(2, 'echo', bytes('')).then(() => 'ok', (error: { code: string }) => error.code))
  await closed(connection)
  t.same(codes.slice(0, 6), ['ok', 'ok', 'ok', 'ok', 'ok', 'P2P_BUSY'])
  t.ok(two.metrics.count('faults_total P2P_REQUEST_FLOOD') >= 99)
  t.equal(two.metrics.count('bans_total'), 1)
})

t.test('a peer that breaks the protocol is hung up on', async (t) => {
  const [node] = await startCluster(1)
  const rogue = await startRogue(9)
  t.teardown(() => Promise.all([stopAll([node!]), rogue.stop()]))
  node!.network.roster.update([await recordOf(9, [])])
  node!.network.sync.handle('hang', async () => new Promise<Uint8Array>(() => undefined))
  const hello = frameOf(encodeHello(CHAIN, 9, 1))
  const request = frameOf(requestHead('hang'))
  const cases: [string, string, Uint8Array[]][] = [
    ['a request without hello', 'P2P_FRAME_GARBLED', [request]],
    ['garbage for a request', 'P2P_FRAME_GARBLED', [hello, frameOf(new Uint8Array(40))]],
    ['three requests at once', 'P2P_FRAME_GARBLED', [hello, request, request, request]],
    ['an oversized request', 'P2P_FRAME_TOO_LARGE', [hello, frameHeader(2_000_000)]],
  ]
  for (const [what, code, pieces] of cases) {
    await poll(() => node!.network.scores.banLeftMs(9) === 0)
    const before = node!.metrics.count(`faults_total ${code}`)
    const connection = await dial(rogue, node!.network.host)
    const stream = await connection.newStream('/stele/sync/1')
    for (const piece of pieces) stream.send(piece)
    await closed(connection)
    t.equal(node!.metrics.count(`faults_total ${code}`), before + 1, what)
  }
})
