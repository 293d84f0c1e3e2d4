import { equalBytes } from '../../../primitives/bytes.ts'
import type { Role } from '../../../consensus/core/effects.ts'
import { ConformanceFileError } from '../raft/datadriven.ts'
import { configurationAt } from './cluster.ts'
import type { ScheduleCluster } from './cluster.ts'
import { committedNumber, seenEntries } from './content.ts'
import type { ScheduleNode } from './node.ts'
import type { Step } from './parse.ts'

const ROLES: Readonly<Record<Role, string>> = { follower: 'Follower', preCandidate: 'PreVoteCandidate', candidate: 'Candidate', leader: 'Leader' }

const OLD_NAMES: Readonly<Record<string, string>> = { primary: 'Leader', backup: 'Follower', candidate: 'Candidate' }

/** What a schedule expects and what is; undefined when that is the same, or when the step expects nothing. */
export function checkExpectation(cluster: ScheduleCluster, step: Step, node: (name: string | undefined) => ScheduleNode): string | undefined {
  const { args, verb } = step
  switch (verb) {
    case 'assert_state_sync': return checkSync(cluster)
    case 'assert_commit_idx': {
      const { log, name, status } = node(args[0])
      return differs(`commit index of node ${name}`, args[1], String(committedNumber(log.entryList, status.committedIndex)))
    }
    case 'assert_detail': return expectDetail(cluster, node(args[0]), step)
    case 'assert_!detail': return detail(node(args[0]), step) === args[2] ? `${args[1]} of node ${args[0]}: must not be ${args[2]}` : undefined
    case 'assert_is_primary':
    case 'assert_is_backup':
    case 'assert_is_candidate': return expectDetail(cluster, node(args[0]), { ...step, args: [args[0] ?? '', 'leadership_state', OLD_NAMES[verb.slice('assert_is_'.length)] ?? ''] })
    case 'assert_isnot_primary':
    case 'assert_isnot_backup':
    case 'assert_isnot_candidate': return ROLES[node(args[0]).status.role] === OLD_NAMES[verb.slice('assert_isnot_'.length)] ? `node ${args[0]} must not be ${verb.slice('assert_isnot_'.length)}` : undefined
    case 'assert_is_retired':
    case 'assert_is_active': return differs(`membership of node ${args[0]}`, verb === 'assert_is_active' ? 'Active' : 'Retired', retirement(node(args[0])) === undefined ? 'Active' : 'Retired')
    case 'assert_last_txid': {
      const last = seenEntries(node(args[0]).log.entryList).at(-1)
      return differs(`last entry of node ${args[0]}`, args[1], last === undefined ? '0.0' : `${Math.max(last.entry.term, 2)}.${last.number}`)
    }
    case 'assert_config': {
      const wanted = args.slice(2).map((name) => node(name).id).sort((a, b) => a - b)
      return differs(`configuration at ${args[1]} of node ${args[0]}`, wanted.join(' '), [...configurationAt(node(args[0]), Number(args[1])) ?? []].sort((a, b) => a - b).join(' '))
    }
    case 'assert_missing_config':
    case 'assert_absent_config': {
      const { log, status } = node(args[0])
      if (verb === 'assert_missing_config' && configurationAt(node(args[0]), Number(args[1])) === undefined) return undefined
      const newer = seenEntries(log.entryList).some(({ content, entry, number }) => content.kind === 'configuration' && number > Number(args[1]) && entry.index <= status.appliedIndex)
      return newer ? undefined : `configuration at ${args[1]} of node ${args[0]}: still in force`
    }
    default: return undefined
  }
}

function differs(what: string, expected: string | undefined, actual: string): string | undefined {
  return expected === actual ? undefined : `${what}: ${expected} expected, ${actual} here`
}

/** A second leader of a term is what no schedule may see: one that expects it recorded a bug, and is right only if it is wrong. */
function expectDetail(cluster: ScheduleCluster, node: ScheduleNode, step: Step): string | undefined {
  const leader = cluster.invariants.leaderOf(node.status.term)
  if (step.args[1] === 'leadership_state' && step.args[2] === 'Leader' && leader !== undefined && leader !== node.id && node.status.role === 'candidate') {
    cluster.divergences.add('recorded-bug')
    return undefined
  }
  return differs(`${step.args[1]} of node ${node.name}`, step.args[2], detail(node, step))
}

function detail(node: ScheduleNode, { args, place }: Step): string {
  switch (args[1]) {
    case 'leadership_state': return ROLES[node.status.role]
    case 'current_view': return String(node.status.term)
    case 'membership_state': return retirement(node) === undefined ? 'Active' : 'Retired'
    case 'retirement_phase': return retirement(node) ?? 'none'
    default: throw new ConformanceFileError(place, `unknown detail "${args[1]}"`)
  }
}

/** How far a node's own log says that its removal has come; undefined for a member. */
function retirement({ id, log, status }: ScheduleNode): string | undefined {
  const seen = seenEntries(log.entryList)
  const newest = seen.findLast(({ content }) => content.members !== undefined)
  if (newest?.content.members === undefined || newest.content.members.includes(id)) return undefined
  const retired = seen.find(({ content, number }) => content.kind === 'retired' && number > newest.number && content.members === undefined && content.text.split(' ').includes(String(id)))
  if (retired !== undefined && retired.entry.index <= status.committedIndex) return 'RetiredCommitted'
  if (newest.entry.index <= status.committedIndex) return 'Completed'
  return seen.some(({ content, number }) => content.kind === 'signature' && number > newest.number) ? 'Signed' : 'Ordered'
}

function checkSync({ ordered }: ScheduleCluster): string | undefined {
  const [first, ...others] = ordered
  if (first === undefined) return undefined
  for (const other of others) {
    const [a, b] = [first.status, other.status]
    if (a.term !== b.term) return `node ${other.name} is in term ${b.term}, node ${first.name} in ${a.term}`
    const [commit, otherCommit] = [committedNumber(first.log.entryList, a.committedIndex), committedNumber(other.log.entryList, b.committedIndex)]
    if (commit !== otherCommit) return `node ${other.name} has committed up to ${otherCommit}, node ${first.name} up to ${commit}`
    const [entries, others] = [seenEntries(first.log.entryList), seenEntries(other.log.entryList)]
    if (entries.length !== others.length) return `the log of node ${other.name} ends at ${others.length}, that of node ${first.name} at ${entries.length}`
    const odd = entries.find(({ entry }, i) => others[i]?.entry.term !== entry.term || !equalBytes(others[i].entry.data, entry.data))
    if (odd !== undefined) return `nodes ${first.name} and ${other.name} differ at ${odd.number}`
  }
  return undefined
}
