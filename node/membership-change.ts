import { fromHex, maybeFromHex } from '../primitives/bytes.ts'
import type { MembershipChange } from '../primitives/calls/membership.ts'
import { SteleError } from '../primitives/error.ts'
import type { GenesisMember } from '../primitives/genesis.ts'
import { certificateQuorum, commitQuorum } from '../primitives/member-set.ts'
import type { RpcClusterStatus, RpcMembership, RpcNodeInfo } from '../primitives/rpc-types.ts'

function usage(message: string, details: Readonly<Record<string, unknown>> = {}): SteleError {
  return new SteleError({ code: 'USAGE_MEMBERSHIP', message, details })
}

/** The change that a card asks for under the membership of now: `add`, `replace` or `rotate`. Throws `USAGE_MEMBERSHIP`; what the members may decide is for the contract. */
export function changeOfCard(kind: 'add' | 'replace' | 'rotate', card: GenesisMember, membership: RpcMembership): MembershipChange {
  const [node] = card.nodes
  if (node === undefined) throw usage('the card names no node')
  const { member, name, governanceKey, operatorKey, operatorSealKey } = card
  if (kind === 'add') {
    if (member !== membership.nextMember || node.node !== membership.nextNode) throw usage(`a new member takes number ${membership.nextMember} and node ${membership.nextNode}: make the card with these`, { member, node: node.node })
    return { kind: 'add', value: { member, name, governanceKey, operatorKey, operatorSealKey, node } }
  }
  const present = membership.members.find((each) => each.member === member)
  if (present === undefined || !present.active || present.node === null) throw usage('the card names no active member', { member })
  if (kind === 'replace') {
    if (node.node !== membership.nextNode) throw usage(`the new node takes number ${membership.nextNode}: make the card with it`, { node: node.node })
    return { kind: 'replace', value: { member, old: present.node, node } }
  }
  if (node.node !== present.node) throw usage('a rotation keeps the number of the node; for another node there is replace', { node: node.node, present: present.node })
  const isSame = maybeFromHex(present.governanceKey) !== undefined && Buffer.compare(fromHex(present.governanceKey), governanceKey) === 0
  const known = membership.nodes.find((each) => each.node === node.node)!
  const sameNode = Buffer.compare(fromHex(known.transportKey), node.transportKey) === 0 && Buffer.compare(fromHex(known.attestationKey), node.attestationKey) === 0
  if (!isSame && !sameNode) throw usage('keys of the member and of its node are rotated one after the other')
  if (sameNode && known.addresses.join(' ') === node.addresses.join(' ')) return { kind: 'rotateMember', value: { member, governanceKey, operatorKey, operatorSealKey, certification: node.certification } }
  return { kind: 'rotateNode', value: node }
}

/** Refuses to agree to a contract version that the member's own node does not hold: it would stop at that height. Throws `CONTRACT_VERSION_MISSING`. */
export function mustHold(held: RpcNodeInfo['contracts'], { contract, version }: { readonly contract: string; readonly version: number }): void {
  const newest = held.find(({ name }) => name === contract)?.version
  if (newest === undefined || newest < version) throw new SteleError({ code: 'CONTRACT_VERSION_MISSING', message: 'the node of this member lacks the contract version; update its program before the members activate it', details: { contract, version, newest: newest ?? 0 } })
}

export interface Preflight {
  readonly safe: boolean
  /** Why not, one sentence each. */
  readonly reasons: readonly string[]
  readonly before: Quorums
  readonly after: Quorums
  /** Voters that do not answer. */
  readonly down: readonly number[]
  readonly learners: readonly { readonly node: number; readonly lag: number | null; readonly connected: boolean }[]
}
export interface Quorums { readonly voters: readonly number[]; readonly reachable: number; readonly commit: number; readonly finality: number }

function quorums(voters: readonly number[], up: ReadonlySet<number>): Quorums {
  return { voters, reachable: voters.filter((node) => up.has(node)).length, commit: commitQuorum(voters.length), finality: certificateQuorum(voters.length) }
}

/**
 * What a change of voters does to the quorums, with the nodes that answer now. Unsafe: when the present voters cannot make the change final, or the voters after
 * it could not go on; a node that is to join counts as up once it is (it becomes a voter only when it has caught up).
 */
export function preflight(change: MembershipChange, membership: RpcMembership, status: RpcClusterStatus): Preflight {
  const up = new Set(status.nodes.filter(({ reachable }) => reachable).map(({ node }) => node))
  const before = quorums(membership.voters, up)
  const joining = change.kind === 'add' || change.kind === 'replace' ? change.value.node.node : undefined
  const leaving = change.kind === 'remove' ? membership.members.find(({ member }) => member === change.value.member)?.node ?? undefined : change.kind === 'replace' ? change.value.old : undefined
  const voters = [...membership.voters.filter((node) => node !== leaving), ...(joining === undefined ? [] : [joining])]
  const after = quorums(voters, joining === undefined ? up : new Set([...up, joining]))
  const reasons: string[] = []
  if (before.reachable < before.finality) reasons.push(`the change cannot become final: ${before.reachable} of ${before.voters.length} voters answer, finality needs ${before.finality}`)
  if (voters.length === 0) reasons.push('no voter would be left')
  else if (after.reachable < Math.max(after.commit, after.finality)) reasons.push(`afterwards ${after.reachable} of ${voters.length} voters would answer; commitment needs ${after.commit}, finality ${after.finality}`)
  if (membership.underWay !== null) reasons.push(`an earlier change is not complete: ${membership.underWay.stage} of node ${membership.underWay.node}`)
  if (membership.open !== null) reasons.push(`another proposal is open: ${membership.open}`)
  const learners = membership.nodes.filter(({ role }) => role === 'learner').map(({ node, lag, connected }) => ({ node, lag, connected }))
  return { safe: reasons.length === 0, reasons, before, after, down: membership.voters.filter((node) => !up.has(node)), learners }
}
