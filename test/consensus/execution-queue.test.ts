import t from 'tap'
import type { Entry } from '../../consensus/core/message.ts'
import { ExecutionQueue } from '../../consensus/execution-queue.ts'
import type { CutBlock, Execution, ExecutionRefusal } from '../../consensus/ports.ts'

const entry = (index: number, term = 1): Entry => ({ index, term, kind: 'block', data: Uint8Array.of(index, term) })
const REFUSAL: ExecutionRefusal = { code: 'ROOT_MISMATCH', root: new Uint8Array(32), error: undefined }

/** Executes at once; preparing waits until the test lets it. */
class FakeExecution implements Execution {
  readonly wantsBlock = false
  executedIndex = 0
  readonly prepared: Entry[] = []
  readonly executed: Entry[] = []
  refused: Entry | undefined
  gates = new Map<Entry, { readonly wait: Promise<void>; readonly open: () => void }>()

  hold(held: Entry): void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.gates.set(held, { wait: promise, open: resolve })
  }
  async prepare(of: Entry): Promise<void> {
    this.prepared.push(of)
    await this.gates.get(of)?.wait
  }
  execute(of: Entry): ExecutionRefusal | undefined {
    if (of === this.refused) return REFUSAL
    this.executed.push(of)
    this.executedIndex = of.index
    return undefined
  }
  cut(): CutBlock | undefined { return undefined }
  adopt(): void {}
  discard(): void {}
  truncate(from: number): void { this.executedIndex = Math.min(this.executedIndex, from - 1) }
  commit(): undefined {}
}

function bench(): { readonly execution: FakeExecution; readonly queue: ExecutionQueue; readonly reported: string[]; readonly fatal: unknown[] } {
  const execution = new FakeExecution()
  const reported: string[] = []
  const fatal: unknown[] = []
  const queue = new ExecutionQueue(execution, {
    onExecuted: ({ index, term }) => reported.push(`executed ${index}/${term}`), onRefused: ({ index, term }, { code }) => reported.push(`refused ${index}/${term} ${code}`), fatal: (error) => fatal.push(error),
  })
  return { execution, queue, reported, fatal }
}

const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

t.test('entries execute in log order, one at a time, however long their signatures take', async (t) => {
  const { execution, queue, reported } = bench()
  const [first, second, third] = [entry(1), entry(2), entry(3)]
  execution.hold(first)
  queue.push([first, second])
  queue.push([third])
  t.same(reported, [], 'nothing is reported inside the caller\'s step')
  await settle()
  t.same(execution.prepared.map(({ index }) => index), [1, 2, 3], 'later ones are prepared meanwhile')
  t.same(reported, [])
  execution.gates.get(first)!.open()
  await settle()
  t.same(reported, ['executed 1/1', 'executed 2/1', 'executed 3/1'])
})

t.test('what is executed already is passed over', async (t) => {
  const { execution, queue, reported } = bench()
  execution.executedIndex = 2
  queue.push([entry(1), entry(2), entry(3)])
  await settle()
  t.same(reported, ['executed 3/1'])
})

t.test('an entry that is truncated while it is prepared is never executed; the one in its place is', async (t) => {
  const { execution, queue, reported } = bench()
  const [old, replacing] = [entry(1, 1), entry(1, 2)]
  execution.hold(old)
  queue.push([old])
  await settle()
  queue.truncate(1)
  execution.truncate(1)
  queue.push([replacing])
  execution.gates.get(old)!.open()
  await settle()
  t.same(reported, ['executed 1/2'])
  t.same(execution.executed, [replacing])
})

t.test('truncating above keeps what is below', async (t) => {
  const { execution, queue, reported } = bench()
  const first = entry(1)
  execution.hold(first)
  queue.push([first, entry(2), entry(3)])
  await settle()
  queue.truncate(2)
  queue.push([entry(2, 2)])
  execution.gates.get(first)!.open()
  await settle()
  t.same(reported, ['executed 1/1', 'executed 2/2'])
})

t.test('a refusal ends the queue until the log continues below it', async (t) => {
  const { execution, queue, reported } = bench()
  const bad = entry(2)
  execution.refused = bad
  queue.push([entry(1), bad, entry(3)])
  await settle()
  t.same(reported, ['executed 1/1', 'refused 2/1 ROOT_MISMATCH'], 'what stands on the refused entry is not touched')
  queue.truncate(2)
  queue.push([entry(2, 2), entry(3, 2)])
  await settle()
  t.same(reported.slice(2), ['executed 2/2', 'executed 3/2'])
})

t.test('after stop nothing executes, and nothing is reported', async (t) => {
  const { execution, queue, reported, fatal } = bench()
  const first = entry(1)
  execution.hold(first)
  queue.push([first, entry(2)])
  await settle()
  queue.stop()
  execution.gates.get(first)!.open()
  await settle()
  t.same([reported, execution.executed, fatal], [[], [], []])
})

t.test('an execution that throws is a broken invariant, not a refusal', async (t) => {
  const { execution, queue, reported, fatal } = bench()
  execution.execute = () => { throw new Error('broken') }
  queue.push([entry(1)])
  await settle()
  t.match(fatal, [{ message: 'broken' }])
  t.same(reported, [])
})
