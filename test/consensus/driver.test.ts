// Goal: the driver carries out the core's effects in order (persist, send, apply), gives its answers, and dies loudly when a write fails.
// Method: a real core of one or three voters; log, transport and execution are fakes whose durability and contents the test decides.
import t from 'tap'
import { DEFAULT_RAFT_OPTIONS } from '../../consensus/core/config.ts'
import type { Entry, Message } from '../../consensus/core/message.ts'
import { Raft } from '../../consensus/core/raft.ts'
import { configurationOf } from '../../consensus/core/reconfiguration.ts'
import { Driver } from '../../consensus/driver.ts'
import { decodeMessage, encodeMessage } from '../../consensus/message-wire.ts'
import type { CutBlock, Execution, LogBatch, LogStore, Transport } from '../../consensus/ports.ts'
import { DEFAULT_PROPOSER } from '../../consensus/proposer.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { MemoryLog } from '../helpers/raft-disk.ts'

/** Keeps entries at once; tells durable when `hold` lets it. */
class FakeLog implements LogStore {
  readonly #entries = new MemoryLog()
  readonly #trace: string[]
  hold: Promise<void> | undefined
  constructor(trace: string[]) { this.#trace = trace }
  firstIndex(): number { return this.#entries.firstIndex() }
  lastIndex(): number { return this.#entries.lastIndex() }
  term(index: number): ReturnType<LogStore['term']> { return this.#entries.term(index) }
  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] { return this.#entries.entries(lo, hi, maxBytes) }
  async append({ truncateFrom, entries, hardState }: LogBatch): Promise<void> {
    if (truncateFrom !== undefined) this.#entries.truncate(truncateFrom)
    for (const entry of entries) this.#entries.append(entry)
    this.#trace.push(`write${hardState === undefined ? '' : ` term ${hardState.term}`}${entries.map(({ index }) => ` #${index}`).join('')}`)
    await this.hold
    this.#trace.push('durable')
  }
  noteCommit(): void {}
}

class FakeExecution implements Execution {
  readonly wantsBlock = false
  executedIndex = 0
  waiting = 0
  readonly trace: string[]
  constructor(trace: string[]) { this.trace = trace }
  async prepare(): Promise<void> {}
  execute({ index }: Entry): undefined {
    this.executedIndex = index
    return undefined
  }
  cut(index: number): CutBlock | undefined {
    if (this.waiting === 0) return undefined
    this.trace.push(`cut #${index} of ${this.waiting}`)
    const block = { data: Uint8Array.of(index), transactions: [] }
    this.waiting = 0
    return block
  }
  adopt(): void { this.executedIndex++ }
  discard(): void {}
  truncate(from: number): void { this.executedIndex = Math.min(this.executedIndex, from - 1) }
  commit({ index }: Entry): undefined { this.trace.push(`commit #${index}`) }
}

function bench(voters: readonly number[] = [1], more: Partial<ConstructorParameters<typeof Driver>[1]> = {}) {
  const trace: string[] = []
  const log = new FakeLog(trace)
  const execution = new FakeExecution(trace)
  const fatal: unknown[] = []
  const sent: Message[] = []
  const blamed: number[] = []
  let onMessage: Parameters<Transport['onMessage']>[0] = () => {}
  const transport: Transport = {
    send: (_to, _channel, frame) => {
      sent.push(decodeMessage(frame))
      return true
    },
    onMessage: (handler) => { onMessage = handler }, onPeerChange: () => {}, blame: (node) => { blamed.push(node) },
  }
  const hardState = { term: 0, vote: 0, commit: 0 }
  const raft = new Raft({ ...DEFAULT_RAFT_OPTIONS, id: 1, configuration: configurationOf(voters), hardState, applied: 0, refusals: [], electionTicks: 10, jitter: 0 }, log)
  let nowMs = 0
  const driver = new Driver({ ...DEFAULT_PROPOSER, tickMs: 1_000_000, electionTicks: 10, readTimeoutMs: 1000 }, {
    log, transport, execution, waiting: () => execution.waiting, clock: { nowMs: () => nowMs, monotonicMs: () => nowMs }, random: { bytes: (length) => new Uint8Array(length), jitter: () => 0 }, logger: silentLogger,
    onRoleChange: () => {}, onRefusal: () => {}, onFenced: () => {}, fatal: (error) => { fatal.push(error) }, ...more,
  }, raft, { firstRead: 1, applied: 0, hardState })
  return { trace, log, execution, fatal, sent, blamed, driver, receive: (from: number, frame: Uint8Array) => onMessage(from, 'control', frame), pass: (ms: number) => { nowMs += ms } }
}

const settle = async (): Promise<void> => { for (let i = 0; i < 5; i++) await new Promise((resolve) => { setImmediate(resolve) }) }

t.test('a single voter elects itself, and an entry is committed only after its write is durable', async (t) => {
  const { driver, execution, log, trace } = bench()
  t.teardown(() => driver.stop())
  driver.start([])
  driver.campaign()
  await settle()
  t.equal(driver.status.role, 'leader')
  t.ok(trace.indexOf('commit #1') > trace.lastIndexOf('durable'), 'the no-op of its term')

  const { promise, resolve } = Promise.withResolvers<void>()
  log.hold = promise
  trace.length = 0
  execution.waiting = 1
  driver.kick()
  await settle()
  t.same(trace, ['cut #2 of 1', 'write #2'], 'cut at once when idle, written, not committed')
  resolve()
  await settle()
  t.same(trace.slice(2), ['durable', 'commit #2'])
})

t.test('while a block is on its way the next one waits until enough transactions do', async (t) => {
  const { driver, execution, log, trace } = bench()
  t.teardown(() => driver.stop())
  driver.start([])
  driver.campaign()
  await settle()
  const { promise, resolve } = Promise.withResolvers<void>()
  log.hold = promise
  execution.waiting = 1
  driver.kick()
  await settle()
  trace.length = 0
  execution.waiting = DEFAULT_PROPOSER.growTransactions - 1
  driver.kick()
  await settle()
  t.same(trace, [], 'too few')
  execution.waiting = DEFAULT_PROPOSER.growTransactions
  driver.kick()
  await settle()
  t.same(trace, [`cut #3 of ${DEFAULT_PROPOSER.growTransactions}`, 'write #3'])
  execution.waiting = 7
  resolve()
  await settle()
  t.ok(trace.includes('cut #4 of 7'), 'once nothing is on its way what waits is cut, whatever there is')
})

t.test('a read is answered with an index that covers everything committed before it', async (t) => {
  const { driver, execution } = bench()
  t.teardown(() => driver.stop())
  driver.start([])
  driver.campaign()
  await settle()
  execution.waiting = 1
  driver.kick()
  await settle()
  t.equal(await driver.readIndex(), 2)
})

t.test('a read that no leader confirms ends with NO_LEADER; one that waits at the stop with NODE_STOPPING', async (t) => {
  const { driver, pass } = bench([1, 2, 3])
  driver.start([])
  const late = t.rejects(driver.readIndex(), { code: 'NO_LEADER', retryable: true })
  pass(2000)
  driver.tick()
  await late
  const stopped = t.rejects(driver.readIndex(), { code: 'NODE_STOPPING' })
  driver.stop()
  await stopped
  await t.rejects(driver.readIndex(), { code: 'NODE_STOPPING' }, 'and so is one that comes later')
})

t.test('garbled frames and messages in another node\'s name are dropped, and change nothing', async (t) => {
  const { driver, receive, sent, fatal, blamed } = bench([1, 2, 3])
  t.teardown(() => driver.stop())
  driver.start([])
  await settle()
  const vote = encodeMessage({ type: 'voteRequest', from: 2, to: 1, term: 9, lastIndex: 0, lastTerm: 0, transfer: false })
  receive(3, vote)
  receive(2, vote.subarray(0, 3))
  receive(2, Uint8Array.of(255, 255, 255))
  await settle()
  t.equal(driver.status.term, 0, 'no term was taken over')
  t.same(sent, [])
  t.same(fatal, [])
  t.same(blamed, [3, 2, 2], 'the peer that really sent each of them is blamed')
})

t.test('a vote leaves only once it is durable', async (t) => {
  const { driver, receive, sent, log, trace } = bench([1, 2, 3])
  t.teardown(() => driver.stop())
  driver.start([])
  const { promise, resolve } = Promise.withResolvers<void>()
  log.hold = promise
  receive(2, encodeMessage({ type: 'voteRequest', from: 2, to: 1, term: 1, lastIndex: 0, lastTerm: 0, transfer: false }))
  await settle()
  t.same(trace, ['write term 1'])
  t.same(sent, [], 'nothing yet')
  resolve()
  await settle()
  t.match(sent, [{ to: 2, term: 1 }])
})

t.test('a failed write ends the loop and is fatal', async (t) => {
  const { driver, log, fatal } = bench()
  driver.start([])
  log.hold = Promise.reject(new Error('no space'))
  driver.campaign()
  await settle()
  t.match(fatal, [{ message: 'no space' }])
  await t.rejects(driver.readIndex(), { code: 'NODE_STOPPING' })
})

t.test('a leader whose blocks count for nothing hands over, and one whose blocks count leads on', async (t) => {
  let inVain = false
  const { driver, sent, receive } = bench([1, 2], { leadsInVain: () => inVain, timers: { after: () => () => {}, every: () => () => {}, soon: (callback) => { setImmediate(callback) } } })
  const answer = async (message: Message): Promise<void> => {
    receive(2, encodeMessage(message))
    await settle()
  }
  driver.start([])
  driver.campaign()
  await settle()
  await answer({ type: 'preVoteAnswer', from: 2, to: 1, term: 1, granted: true })
  await answer({ type: 'voteAnswer', from: 2, to: 1, term: 1, granted: true })
  await answer({ type: 'appendAck', from: 2, to: 1, term: 1, index: 1 })
  t.equal(driver.status.role, 'leader')
  driver.tick()
  await settle()
  t.notOk(sent.some(({ type }) => type === 'timeoutNow'))
  inVain = true
  driver.tick()
  await settle()
  t.match(sent.filter(({ type }) => type === 'timeoutNow'), [{ to: 2, term: 1 }])
  t.equal(driver.status.transferringTo, 2, 'nothing is cut meanwhile')
  driver.stop()
})
