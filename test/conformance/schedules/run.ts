import type { RaftOptions } from '../../../consensus/core/config.ts'
import { ConformanceFileError } from '../raft/datadriven.ts'
import { checkExpectation } from './asserts.ts'
import { DIVERGENCES, ScheduleCluster } from './cluster.ts'
import type { Divergence } from './cluster.ts'
import { SafetyViolation } from './invariants.ts'
import type { ScheduleNode } from './node.ts'
import { parseSchedule } from './parse.ts'
import type { Step } from './parse.ts'

/**
 * `passed`: safe, converged, every step done. `unmapped`: safe and converged, but some step could not be done because CCF works in another way there. An expectation that does
 * not hold makes the schedule fail, unless a known difference to CCF had occurred by then: then it is set aside, and the first one is named.
 */
export interface ScheduleResult {
  readonly file: string
  readonly outcome: 'passed' | 'unmapped' | 'failed'
  readonly steps: number
  readonly expectations: number
  readonly held: number
  /** Why it failed or cannot be mapped; begins with `file:line`. */
  readonly reason: string | undefined
  /** The first expectation that was set aside, and why. */
  readonly setAside: string | undefined
}

interface Problem { readonly text: string; readonly causes: readonly Divergence[] }
interface Run { readonly expectations: number; readonly held: number; readonly undone: Problem | undefined; readonly unmet: Problem | undefined }

/**
 * Runs a schedule twice. With our own settings: after every line commit safety on all nodes, at the end convergence; roles and times are not compared, because our followers keep to a leader that
 * they hear from. With CCF's (no such stickiness): the same, and all that the schedule expects.
 */
export function runSchedule(path: string): ScheduleResult {
  let steps: readonly Step[] = []
  try {
    steps = parseSchedule(path)
    execute(steps, {}, false)
    const { expectations, held, undone, unmet } = execute(steps, { stickyLeader: false }, true)
    const unexplained = [undone, unmet].find((problem) => problem?.causes.length === 0)
    const outcome = unexplained !== undefined ? 'failed' : undone !== undefined ? 'unmapped' : 'passed'
    return { file: path, outcome, steps: steps.length, expectations, held, reason: describe(unexplained ?? undone), setAside: describe(unmet) }
  } catch (error) {
    return { file: path, outcome: 'failed', steps: steps.length, expectations: 0, held: 0, reason: error instanceof Error ? error.message : String(error), setAside: undefined }
  }
}

function describe(problem: Problem | undefined): string | undefined {
  return problem === undefined ? undefined : [problem.text, ...problem.causes.map((cause) => DIVERGENCES[cause])].join('; ')
}

function execute(steps: readonly Step[], options: Partial<RaftOptions>, compare: boolean): Run {
  const cluster = new ScheduleCluster(options)
  cluster.preVote = hasPreVote(steps)
  let [expectations, held] = [0, 0]
  let undone: Problem | undefined
  let unmet: Problem | undefined
  const problemOf = (step: Step, text: string): Problem => ({ text: `${step.place}: ${step.verb}: ${text}`, causes: cluster.causes })
  for (const step of steps) {
    const node = (name: string | undefined): ScheduleNode => nodeOf(cluster, step, name)
    inPlace(step, () => {
      const problem = perform(cluster, step, node)
      if (problem !== undefined && compare) undone ??= problemOf(step, problem)
      cluster.afterLine()
      cluster.invariants.checkAll()
      if (!compare || !step.verb.startsWith('assert_')) return
      expectations++
      const found = checkExpectation(cluster, step, node)
      if (found === undefined) held++
      // One that nothing explains counts more than one that is set aside.
      else if (unmet === undefined || (unmet.causes.length > 0 && cluster.causes.length === 0)) unmet = problemOf(step, found)
    })
  }
  const last = steps.at(-1)
  if (last !== undefined) inPlace(last, () => converge(cluster))
  return { expectations, held, undone, unmet }
}

/** Schedules of the time before CCF had pre-votes do not switch them off; they expect a candidate and never one that only asks around, or use verbs that CCF had given up by then. */
function hasPreVote(steps: readonly Step[]): boolean {
  const expects = (role: string): boolean => steps.some(({ args }) => args[2] === role)
  const isOld = (verb: string): boolean => verb === 'nodes' || verb.startsWith('assert_is')
  return expects('PreVoteCandidate') || !(expects('Candidate') || steps.some(({ verb }) => isOld(verb)))
}

function converge(cluster: ScheduleCluster): void {
  const problem = cluster.sync(() => cluster.invariants.checkAll())
  if (problem !== undefined) throw new SafetyViolation(problem)
}

/** Does what a step says; why it could not be done, when the network is not in the state it asks for. */
function perform(cluster: ScheduleCluster, step: Step, node: (name: string | undefined) => ScheduleNode): string | undefined {
  const { args, verb } = step
  const [first = '', second = '', ...rest] = args
  switch (verb) {
    case 'pre_vote_enabled': cluster.preVote = first === 'true'; return undefined
    // The oldest schedules leave the only name out, count nodes instead of naming them, and name the leader before the term.
    case 'start_node': cluster.start(args.length === 0 ? '0' : first); return undefined
    case 'trust_node':
    case 'trust_nodes': return cluster.reconfigure(first, args.slice(1), [])
    case 'swap_node': return cluster.reconfigure(first, rest, [second])
    case 'swap_nodes': return swap(cluster, args)
    case 'cleanup_nodes': return cluster.append(first, { kind: 'retired', text: args.slice(1).map((name) => node(name).id).join(' ') })
    case 'replicate': return cluster.append(args.at(-2) ?? '', { kind: 'data', text: args.at(-1) ?? '' })
    case 'emit_signature': return cluster.append(first, { kind: 'signature', text: String(step.line) })
    case 'nominate_successor': cluster.nominate(node(first)); return undefined
    case 'connect':
    case 'reconnect': cluster.link(node(first), node(second), true); return undefined
    case 'disconnect': cluster.link(node(first), node(second), false); return undefined
    case 'reconnect_node':
    case 'disconnect_node': for (const other of cluster.ordered) if (other !== node(first)) cluster.link(node(first), other, verb === 'reconnect_node'); return undefined
    case 'periodic_one': cluster.period(node(first), Number(second)); return undefined
    case 'periodic_all': for (const each of cluster.ordered) cluster.period(each, Number(first)); return undefined
    case 'dispatch_one': cluster.dispatch(node(first)); return undefined
    case 'dispatch_one_first_n': cluster.dispatch(node(first), Number(second)); return undefined
    case 'dispatch_all': cluster.dispatchAll(); return undefined
    case 'dispatch_all_once': cluster.dispatchOnce(); return undefined
    case 'dispatch_single': cluster.dispatchSingle(node(first), node(second)); return undefined
    case 'drop_pending': for (const to of cluster.ordered) cluster.drop(node(first), to); return undefined
    case 'drop_pending_to': cluster.drop(node(first), node(second)); return undefined
    case 'shuffle_one': node(first).outbox.reverse(); return undefined
    case 'shuffle_all': for (const { outbox } of cluster.ordered) outbox.reverse(); return undefined
    case 'assert_loop_sync':
    case 'loop_until_sync': converge(cluster); return undefined
    case 'nodes': cluster.startMany(rest.length === 0 && second === '' && Number(first) > 0 ? Array.from({ length: Number(first) }, (_, i) => String(i)) : args); return undefined
    case 'create_new_node': cluster.create(first); return undefined
    case 'replicate_new_configuration': return cluster.replaceMembers(first, args.slice(1))
    default: return undefined
  }
}

/** `swap_nodes,TERM,in,A,…,out,B,…` in either order, one of them optional. */
function swap(cluster: ScheduleCluster, [term = '', ...rest]: readonly string[]): string | undefined {
  const lists: Record<'in' | 'out', string[]> = { in: [], out: [] }
  let current: 'in' | 'out' = 'in'
  for (const word of rest) {
    if (word === 'in' || word === 'out') current = word
    else lists[current].push(word)
  }
  return cluster.reconfigure(term, lists.in, lists.out)
}

function nodeOf(cluster: ScheduleCluster, step: Step, name: string | undefined): ScheduleNode {
  const node = cluster.find(name ?? '')
  if (node === undefined) throw new ConformanceFileError(step.place, `there is no node "${name}"`)
  return node
}

/** What breaks in a step is told with its place. */
function inPlace(step: Step, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (error instanceof ConformanceFileError) throw error
    throw new ConformanceFileError(step.place, `${step.verb}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
