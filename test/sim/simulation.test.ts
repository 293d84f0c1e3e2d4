// Goal: the simulator is deterministic, its cluster works, and a fixed list of seeds breaks no invariant. Method: whole runs in this process.
import t from 'tap'
import { PROFILES, drawPlan } from './faults.ts'
import type { Fault, Profile } from './faults.ts'
import { shrink } from './shrink.ts'
import { Simulation, simulate } from './simulation.ts'
import { mustSettle } from './scheduler.ts'

/** Seeds that once broke something, or nearly did; each has its story in docs/testing.md. */
const FIXED: readonly (readonly [seed: number, ticks: number, profile: Profile])[] = [
  [65, 150, 'swarm'], // A restart counted as durable what a failed sync had left in the page cache.
  [4, 100, 'network'],
]

// Many whole runs; the bound only ends a hang.
t.setTimeout(300_000)

t.test('promises cannot be settled by hand inside a promise, and it says so', async (t) => {
  t.throws(mustSettle, { message: /macrotask/ })
})

t.test('equal seeds give equal traces, other seeds others', async (t) => {
  for (const profile of PROFILES) {
    const first = await simulate(drawPlan(7, 30, profile))
    const second = await simulate(drawPlan(7, 30, profile))
    t.same(second, first, `${profile}: trace ${first.traceHash}, ${first.events} events`)
    t.not((await simulate(drawPlan(8, 30, profile))).traceHash, first.traceHash)
  }
})

t.test('without faults a cluster commits what it is given, certifies and answers', async (t) => {
  const result = await simulate({ ...drawPlan(3, 40, 'calm'), nodes: 4 })
  t.equal(result.violation, undefined)
  t.ok(result.committed > 20 && result.certified > 10 && result.leaders >= 1, `${result.committed} entries, final to ${result.certified}`)
})

t.test('seeds that once broke an invariant break none', async (t) => {
  for (const [seed, ticks, profile] of FIXED) t.equal((await simulate(drawPlan(seed, ticks, profile))).violation, undefined, `seed ${seed} ${profile}`)
})

t.test('a storage fault leads into repair, and out of it', async (t) => {
  const plan = { ...drawPlan(1, 100, 'calm'), submitUs: 100_000, nodes: 3, faults: [2, 5].flatMap((second) => [{ kind: 'lie', at: second * 1e6, node: 2 } as const, { kind: 'crash', at: (second + 2) * 1e6, node: 2, downUs: 1e5 } as const]) }
  const simulation = new Simulation(plan)
  const result = await new Promise<ReturnType<Simulation['run']>>((resolve) => { setImmediate(() => resolve(simulation.run())) })
  t.equal(result.violation, undefined)
  t.ok(simulation.node(2).disk.counts.lies > 0 && simulation.node(2).harmed, 'the disk has taken back what it called durable')
  t.ok(result.repairs > 0, 'and the node has repaired itself')
})

t.test('members change, by the production contract: learners become voters, voters are replaced and removed, the leader among them', async (t) => {
  const faults = [['replace', 0], ['replace', 1], ['replace', 2], ['add', 4], ['remove', 1]].map(([operation, which], i) => ({ kind: 'change', at: (2 + 3 * i) * 1e6, operation, which }) as Fault)
  const result = await simulate({ ...drawPlan(2, 200, 'calm'), nodes: 3, spares: 4, submitUs: 100_000, faults })
  t.equal(result.violation, undefined)
  t.equal(result.changes, 3 * 4 + 2 + 2, 'replacing takes learn, swap, leave and drop; adding learn and promote; removing demote and drop')
})

t.test('a node that was away while the others pruned comes back by a snapshot', async (t) => {
  const faults = [{ kind: 'kill', at: 1e6, node: 2, downUs: 8e6 }, { kind: 'cut', at: 1e6, lines: [[1, 2], [2, 1], [2, 3], [3, 2]], forUs: 8e6 }] as const
  const result = await simulate({ ...drawPlan(1, 120, 'calm'), nodes: 3, snapshotBlocks: 5, keepBlocks: 0, segmentBytes: 5 * 4096, submitUs: 10_000, faults })
  t.equal(result.violation, undefined)
  t.ok(result.joins > 0, `${result.joins} snapshots taken, ${result.committed} entries`)
})

t.test('a failing run is cut down to the faults that matter', async (t) => {
  // No bug is needed: a majority that loses what it called durable is beyond what the design promises, and must be noticed.
  const plan = drawPlan(11, 20, 'crash')
  const failed = { ...(await simulate(plan)), violation: { claim: 'none of the runs breaks this', details: {}, atMs: 0, phase: '' } }
  const { keep, runs } = await shrink(plan, failed, { runsMax: 3 })
  t.equal(keep.length, plan.faults.length, 'nothing is dropped when the failure does not come again')
  t.ok(runs <= 3)
  const told: number[] = []
  t.equal((await shrink(plan, failed, { timeMaxMs: 0 })).runs, 0, 'no run begins once the time is over')
  await shrink(plan, failed, { runsMax: 1, onProgress: ({ runs, kept, drawn }) => { told.push(runs, kept, drawn) } })
  t.same(told, [1, plan.faults.length, plan.faults.length], 'and each run is told')
})
