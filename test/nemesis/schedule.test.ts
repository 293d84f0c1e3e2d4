// Goal: a seed fixes what is done, and the options say what is wrong with them. Method: draw schedules, read command lines.
import t from 'tap'
import { readOptions, sameAgain } from './options.ts'
import { createSchedule, FAULTS, faultText } from './schedule.ts'

const of = (seed: number, nodes = 4): ReturnType<typeof createSchedule> => createSchedule({ seed, nodes, durationMs: 600_000, faults: FAULTS })

t.test('the same seed gives the same schedule, another one another', async (t) => {
  t.strictSame(of(7), of(7))
  t.notSame(of(7), of(8))
})

t.test('ten minutes hold every fault, in bounds', async (t) => {
  for (const nodes of [3, 4, 7]) {
    const schedule = of(20261121, nodes)
    t.strictSame([...new Set(schedule.map(({ name }) => name))].sort(), [...FAULTS].sort(), `${schedule.length} faults on ${nodes} nodes`)
    t.ok(schedule.every(({ atMs, forMs }) => atMs >= 2000 && forMs > 0 && atMs + forMs <= 600_000))
    const named = schedule.flatMap((fault) => ('victims' in fault ? fault.victims : 'side' in fault ? fault.side : 'a' in fault ? [fault.a, fault.b] : 'victim' in fault ? [fault.victim] : []))
    t.ok(named.every((victim) => victim === 'leader' || (victim >= 0 && victim < nodes)))
    t.ok(schedule.every((fault) => fault.name !== 'halves' || (fault.side.length >= 1 && fault.side.length < nodes)), 'a side is never everybody')
    t.ok(schedule.every((fault) => fault.name !== 'pair' || fault.a !== fault.b))
    t.ok(schedule.every((fault) => faultText(fault).length > 5))
  }
})

t.test('only the faults that were asked for are done', async (t) => {
  t.strictSame([...new Set(createSchedule({ seed: 1, nodes: 3, durationMs: 60_000, faults: ['pause'] }).map(({ name }) => name))], ['pause'])
  t.strictSame(createSchedule({ seed: 1, nodes: 3, durationMs: 60_000, faults: [] }), [])
})

t.test('options', async (t) => {
  const draw = (): number => 5
  t.match(readOptions([], draw), { minutes: 1, nodes: 4, seed: 5, faults: FAULTS })
  const options = readOptions(['--minutes', '0.5', '--nodes', '3', '--seed', '9', '--faults', 'pause, kill'], draw)
  t.strictSame(options.faults, ['kill', 'pause'])
  t.strictSame(readOptions(sameAgain(options).split(' ').slice(4), draw), options, 'the line that is printed does the same again')
  for (const [args, said] of [[['--faults', 'magic'], /--faults magic: must be some of kill/], [['--nodes', '2'], /--nodes 2/], [['--minutes', 'x'], /--minutes x/], [['--seed', '1.5'], /--seed 1\.5/], [['--what'], /--what/]] as const) t.throws(() => readOptions(args, draw), said)
})
