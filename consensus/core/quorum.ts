import type { Index, NodeId } from './message.ts'

/** Outcome of a vote: enough yes, enough no, or still open. */
export type VoteResult = 'won' | 'lost' | 'pending'

/** Two sets of voters; both must agree. `outgoing` is empty unless the configuration is joint (thesis §4.3). */
export interface Voters {
  readonly incoming: readonly NodeId[]
  readonly outgoing: readonly NodeId[]
}

/** Index acknowledged by a node, undefined when it never reported. */
export type AckedIndex = (id: NodeId) => Index | undefined

/** Smallest number of voters that is more than half of `count`. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1
}

/**
 * Highest index that a majority of `voters` has acknowledged; a silent voter counts as 0.
 * Infinity for no voters, so that an empty half of a joint configuration never decides.
 */
export function majorityCommitted(voters: readonly NodeId[], acked: AckedIndex): Index {
  if (voters.length === 0) return Infinity
  const indexes = voters.map((id) => acked(id) ?? 0).sort(descending)
  return indexes[majority(voters.length) - 1] ?? 0
}

/** Highest index committed by both halves: each is tallied on its own, never their union. */
export function jointCommitted(voters: Voters, acked: AckedIndex): Index {
  return Math.min(majorityCommitted(voters.incoming, acked), majorityCommitted(voters.outgoing, acked))
}

/** Result of a vote among `voters`; a voter absent from `votes` has not spoken yet. No voters: won. */
export function majorityVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.length === 0) return 'won'
  let yes = 0
  let open = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) open++
    else if (vote) yes++
  }
  const needed = majority(voters.length)
  if (yes >= needed) return 'won'
  return yes + open >= needed ? 'pending' : 'lost'
}

/** Result of a vote in which both halves must agree: lost as soon as one is lost. */
export function jointVote(voters: Voters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = majorityVote(voters.incoming, votes)
  const outgoing = majorityVote(voters.outgoing, votes)
  if (incoming === outgoing) return incoming
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending'
}

function descending(a: number, b: number): number {
  return b - a
}
