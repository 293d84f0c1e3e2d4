import { NOBODY } from './message.ts'
import type { NodeId } from './message.ts'

/**
 * Who takes part. All lists ascend without repetition. Joint while `outgoing` is not empty: then decisions need a majority of `voters`
 * and one of `outgoing`. A learner is never in either. `learnersNext` are voters of `outgoing` that turn into learners on leaving.
 */
export interface Configuration {
  readonly voters: readonly NodeId[]
  readonly outgoing: readonly NodeId[]
  readonly learners: readonly NodeId[]
  readonly learnersNext: readonly NodeId[]
  /** Leave the joint state as soon as the change that entered it is applied. */
  readonly autoLeave: boolean
}

export type Change = { readonly kind: 'voter' | 'learner' | 'remove' | 'update'; readonly node: NodeId }

/** `auto` is simple when at most one change is asked for, else joint; `implicit` leaves the joint state by itself, `explicit` waits to be told. */
export interface ChangeSet { readonly transition: 'auto' | 'implicit' | 'explicit'; readonly changes: readonly Change[] }

export type ReconfigurationFault = 'already-joint' | 'no-voters-to-join' | 'not-joint' | 'joint' | 'many-voters' | 'no-voters'
export type Reconfigured = { readonly configuration: Configuration } | { readonly fault: ReconfigurationFault }

/** A configuration that is not joint. */
export function configurationOf(voters: readonly NodeId[], learners: readonly NodeId[] = []): Configuration {
  return { voters: sorted(voters), outgoing: [], learners: sorted(learners), learnersNext: [], autoLeave: false }
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0
}

/** Every node of the configuration, ascending. */
export function nodesOf({ voters, outgoing, learners }: Configuration): readonly NodeId[] {
  return sorted([...voters, ...outgoing, ...learners])
}

/** Applies a change set by the transition it names; no changes at all leave a joint configuration. */
export function reconfigure(from: Configuration, { transition, changes }: ChangeSet): Reconfigured {
  if (transition === 'auto' && changes.length === 0) return leaveJoint(from)
  if (transition !== 'auto' || changes.length > 1) return enterJoint(from, changes, transition !== 'explicit')
  return changeSimply(from, changes)
}

/** Changes at most one voter at once (thesis §4.1); any number of learners. */
export function changeSimply(from: Configuration, changes: readonly Change[]): Reconfigured {
  if (isJoint(from)) return { fault: 'joint' }
  const to = applyChanges(from, changes)
  if (to.voters.length === 0) return { fault: 'no-voters' }
  return difference(from.voters, to.voters) > 1 ? { fault: 'many-voters' } : { configuration: to }
}

/** Keeps today's voters as `outgoing` and applies the changes to the incoming ones (thesis §4.3). */
export function enterJoint(from: Configuration, changes: readonly Change[], autoLeave: boolean): Reconfigured {
  if (isJoint(from)) return { fault: 'already-joint' }
  if (from.voters.length === 0) return { fault: 'no-voters-to-join' }
  const to = applyChanges({ ...from, outgoing: from.voters }, changes)
  return to.voters.length === 0 ? { fault: 'no-voters' } : { configuration: { ...to, autoLeave } }
}

/** The incoming voters decide alone from now on; staged learners become learners. */
export function leaveJoint(from: Configuration): Reconfigured {
  if (!isJoint(from)) return { fault: 'not-joint' }
  return { configuration: configurationOf(from.voters, [...from.learners, ...from.learnersNext]) }
}

/** Changes always go to the incoming voters; a voter of the outgoing half is only staged as a learner. */
function applyChanges(from: Configuration, changes: readonly Change[]): Configuration {
  const voters = new Set(from.voters)
  const learners = new Set(from.learners)
  const learnersNext = new Set(from.learnersNext)
  for (const { kind, node } of changes) {
    if (kind === 'update' || node === NOBODY) continue
    if (kind === 'learner' && learners.has(node)) continue
    voters.delete(node)
    learners.delete(node)
    learnersNext.delete(node)
    if (kind === 'voter') voters.add(node)
    else if (kind === 'learner') (from.outgoing.includes(node) ? learnersNext : learners).add(node)
  }
  return { voters: sorted(voters), outgoing: from.outgoing, learners: sorted(learners), learnersNext: sorted(learnersNext), autoLeave: from.autoLeave }
}

/** Number of nodes in one list but not in the other. */
function difference(a: readonly NodeId[], b: readonly NodeId[]): number {
  return a.filter((id) => !b.includes(id)).length + b.filter((id) => !a.includes(id)).length
}

function sorted(ids: Iterable<NodeId>): readonly NodeId[] {
  return [...new Set(ids)].sort((a, b) => a - b)
}
