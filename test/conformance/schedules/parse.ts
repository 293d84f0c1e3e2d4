import { readFileSync } from 'node:fs'
import { ConformanceFileError } from '../raft/datadriven.ts'

/** One line of a schedule. */
export interface Step { readonly place: string; readonly line: number; readonly verb: string; readonly args: readonly string[] }

/** Fewest and most arguments of each verb of CCF's `raft_scenarios`, those that CCF has given up included. */
const VERBS: Readonly<Record<string, readonly [number, number]>> = {
  'start_node': [0, 1], 'trust_node': [2, 2], 'trust_nodes': [2, Infinity], 'swap_node': [3, 3], 'swap_nodes': [3, Infinity], 'cleanup_nodes': [2, Infinity],
  'nodes': [1, Infinity], 'create_new_node': [1, 1], 'replicate_new_configuration': [2, Infinity],
  'connect': [2, 2], 'disconnect': [2, 2], 'reconnect': [2, 2], 'disconnect_node': [1, 1], 'reconnect_node': [1, 1],
  'periodic_one': [2, 2], 'periodic_all': [1, 1], 'replicate': [2, 3], 'emit_signature': [1, 1], 'nominate_successor': [1, 1], 'pre_vote_enabled': [1, 1],
  'dispatch_one': [1, 1], 'dispatch_all': [0, 0], 'dispatch_all_once': [0, 0], 'dispatch_one_first_n': [2, 2], 'dispatch_single': [2, 2], 'drop_pending': [1, 1], 'drop_pending_to': [2, 2], 'shuffle_one': [1, 1], 'shuffle_all': [0, 0],
  'state_one': [1, 1], 'state_all': [0, 0], 'summarise_log': [1, 1], 'summarise_logs_all': [0, 0], 'summarise_messages': [2, 2], 'mark_seed': [1, 1], 'loop_until_sync': [0, 0], 'assert_loop_sync': [2, Infinity],
  'assert_is_primary': [1, 1], 'assert_is_backup': [1, 1], 'assert_is_candidate': [1, 1], 'assert_isnot_primary': [1, 1], 'assert_isnot_backup': [1, 1], 'assert_isnot_candidate': [1, 1],
  'assert_is_retired': [1, 1], 'assert_is_active': [1, 1], 'assert_missing_config': [2, 2],
  'assert_state_sync': [0, 0], 'assert_commit_safety': [1, 1], 'assert_commit_idx': [2, 2], 'assert_detail': [3, 3], 'assert_!detail': [3, 3], 'assert_config': [2, Infinity], 'assert_absent_config': [2, 2], 'assert_last_txid': [2, 2],
}
/** Arguments that must be unsigned integers, by position. */
const NUMBERS: Readonly<Record<string, number>> = { 'periodic_one': 1, 'periodic_all': 0, 'dispatch_one_first_n': 1, 'assert_loop_sync': 0, 'assert_commit_idx': 1, 'assert_config': 1, 'assert_absent_config': 1, 'assert_missing_config': 1 }

/** Reads a schedule: one verb a line, arguments after commas, `#` begins a comment, a line of `====` ends it. Throws `ConformanceFileError`. */
export function parseSchedule(path: string): Step[] {
  const steps: Step[] = []
  for (const [i, text] of readFileSync(path, 'utf8').split('\n').entries()) {
    const line = text.replace(/#.*/s, '').trim()
    if (line === '') continue
    if (line.startsWith('====')) break
    const [verb = '', ...args] = line.split(',').map((part) => part.trim())
    const step = { place: `${path}:${i + 1}`, line: i + 1, verb, args }
    checkStep(step)
    steps.push(step)
  }
  if (steps.length === 0) throw new ConformanceFileError(path, 'the schedule has no step')
  return steps
}

function checkStep({ place, verb, args }: Step): void {
  const bounds = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined
  if (bounds === undefined) throw new ConformanceFileError(place, `unknown verb "${verb.slice(0, 60)}"`)
  const [fewest, most] = bounds
  if (args.length < fewest || args.length > most) throw new ConformanceFileError(place, `${verb} takes ${fewest === most ? fewest : `at least ${fewest}`} arguments, not ${args.length}`)
  const number = NUMBERS[verb]
  const value = number === undefined ? '0' : args[number] ?? ''
  if (!/^\d+$/.test(value)) throw new ConformanceFileError(place, `${verb}: "${value}" is no unsigned integer`)
  if (verb === 'swap_nodes' && args[1] !== 'in' && args[1] !== 'out') throw new ConformanceFileError(place, 'swap_nodes: "in" or "out" follows the term')
  if (verb === 'pre_vote_enabled' && args[0] !== 'true' && args[0] !== 'false') throw new ConformanceFileError(place, 'pre_vote_enabled: true or false')
}
