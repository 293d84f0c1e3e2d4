import type { MembershipChange, ProposedNode } from '../../primitives/calls/membership.ts'
import { genesisAccountId } from '../../primitives/genesis.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import { invariant } from '../../primitives/assert.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { accounts } from '../identity/accounts.ts'
import type { Reader, Writer } from '../runtime/table.ts'
import { readMemberSet } from './members.ts'
import { governanceTable, members, memberSets, nodes, proposals, rosterTable } from './tables.ts'
import type { Governance, Roster, Stage } from './tables.ts'

type UnderWay = NonNullable<Governance['change']>

/** A change of consensus' configuration, in its words (`consensus/core/reconfiguration.ts`). */
export interface VoterChange { readonly transition: 'auto' | 'explicit'; readonly changes: readonly { readonly kind: 'voter' | 'learner' | 'remove' | 'update'; readonly node: number }[] }

/** The step that stands out. `due`: it must be the very next block; else the leader chooses when. */
export interface PendingStep { readonly stage: Stage; readonly node: number; readonly due: boolean }

const AT_LEISURE: ReadonlySet<Stage> = new Set<Stage>(['promote', 'swap', 'drop'])

/** Where an accepted change begins; undefined for what takes effect at once. `node`: the one it is about. */
export function firstStage(change: MembershipChange): { readonly stage: Stage; readonly node: number } | undefined {
  switch (change.kind) {
    case 'add': return { stage: 'learn', node: change.value.node.node }
    case 'replace': return { stage: 'learn', node: change.value.node.node }
    case 'remove': return { stage: 'demote', node: 0 }
    case 'rotateNode': return { stage: 'rekey', node: change.value.node }
    case 'rotateMember': return { stage: 'rekey', node: 0 }
    default: return undefined
  }
}

export function pendingStep(reader: Reader): PendingStep | undefined {
  const change = reader.get(governanceTable)?.change ?? null
  return change === null ? undefined : { stage: change.stage, node: change.node, due: !AT_LEISURE.has(change.stage) }
}

/**
 * Takes the step that stands out: what an activation block does, besides which it is empty. Returns the voters after it and what consensus has to change.
 * The caller knows that a step stands out. Deterministic like every call; there is nothing in it that can fail.
 */
export function activate(writer: Writer, chain: Uint8Array, height: bigint): { readonly set: MemberSet; readonly change: VoterChange } {
  const governance = writer.get(governanceTable)!
  const { change } = governance
  const before = memberSetHash(chain, readMemberSet(writer))
  const { next, voterChange } = step(writer, chain, height, change!)
  const set = readMemberSet(writer)
  const after = writer.get(governanceTable)!
  const grown = String(memberSetHash(chain, set)) !== String(before)
  if (grown) writer.put(memberSets, [after.sets], { from: height + 1n, set })
  writer.put(governanceTable, [], { ...after, sets: after.sets + Number(grown), change: next === undefined ? null : { ...change!, ...next, since: height } })
  return { set, change: voterChange }
}

/**
 * Opens the epoch of a recovery: its voters and nobody else take part, whatever was under way before is void. The caller has verified the statement against the
 * set before. Returns what consensus drops: every node that is not in the set.
 */
export function openEpoch(writer: Writer, chain: Uint8Array, height: bigint, set: MemberSet): readonly VoterChange[] {
  const roster = writer.get(rosterTable)!
  const governance = writer.get(governanceTable)!
  const kept = set.voters.map(({ node }) => node)
  const dropped = [...new Set([...roster.nodes, ...roster.learners, ...roster.outgoing])].filter((node) => !kept.includes(node)).sort((a, b) => a - b)
  for (const node of dropped) {
    const { member } = writer.get(nodes, node)!
    const found = writer.get(members, member)!
    writer.delete(nodes, node)
    if (set.voters.some((voter) => voter.member === member)) continue
    writer.put(members, [member], { ...found, nodes: [] })
    suspend(writer, chain, member)
  }
  if (governance.open !== null) writer.put(proposals, [governance.open], { ...writer.get(proposals, governance.open)!, state: 'expired' })
  writer.put(rosterTable, [], { epoch: set.epoch, members: set.voters.map(({ member }) => member).sort((a, b) => a - b), nodes: kept, learners: [], outgoing: [] })
  writer.put(memberSets, [governance.sets], { from: height, set })
  writer.put(governanceTable, [], { ...governance, sets: governance.sets + 1, open: null, change: null })
  return [{ transition: 'explicit', changes: dropped.map((node) => ({ kind: 'remove' as const, node })) }, { transition: 'auto', changes: [] }]
}

interface Step { readonly next: { readonly stage: Stage; readonly node: number } | undefined; readonly voterChange: VoterChange }

const simply = (kind: 'voter' | 'learner' | 'remove' | 'update', node: number): VoterChange => ({ transition: 'auto', changes: [{ kind, node }] })

function step(writer: Writer, chain: Uint8Array, height: bigint, { change, stage, node }: UnderWay): Step {
  const roster = writer.get(rosterTable)!
  switch (stage) {
    case 'learn': return learn(writer, chain, height, roster, change)
    case 'promote': return promote(writer, roster, change, node)
    case 'demote': return demote(writer, chain, roster, change)
    case 'swap': return swap(writer, roster, change, node)
    case 'leave':
      writer.put(rosterTable, [], { ...roster, outgoing: [] })
      return { next: { stage: 'drop', node }, voterChange: { transition: 'auto', changes: [] } }
    case 'rekey': return rekey(writer, chain, height, change, node)
    case 'drop':
      writer.put(rosterTable, [], { ...roster, learners: without(roster.learners, node) })
      writer.delete(nodes, node)
      if (change.kind === 'add') suspend(writer, chain, change.value.member)
      return { next: undefined, voterChange: simply('remove', node) }
  }
}

/** The newcomer follows without a vote. A new institution has its account from here on, and no vote either. */
function learn(writer: Writer, chain: Uint8Array, height: bigint, roster: Roster, change: MembershipChange): Step {
  if (change.kind !== 'add' && change.kind !== 'replace') return impossible()
  const { member, node } = change.value
  if (change.kind === 'add') {
    const { name, governanceKey, operatorKey, operatorSealKey } = change.value
    const account = genesisAccountId(chain, member)
    writer.put(members, [member], { name, governanceKey, operatorKey, operatorSealKey, account, nodes: [node.node] })
    const from = height + 1n
    writer.put(accounts, [account], { kind: 'institution', member, suspended: false, createdHeight: height, signKeys: [{ key: ed25519KeyId(operatorKey), from }], sealKeys: [{ key: operatorSealKey, from }] })
  }
  putNode(writer, member, node)
  writer.put(rosterTable, [], { ...roster, learners: withOne(roster.learners, node.node) })
  const governance = writer.get(governanceTable)!
  writer.put(governanceTable, [], { ...governance, nextNode: node.node + 1, nextMember: change.kind === 'add' ? member + 1 : governance.nextMember })
  return { next: { stage: change.kind === 'add' ? 'promote' : 'swap', node: node.node }, voterChange: simply('learner', node.node) }
}

function promote(writer: Writer, roster: Roster, change: MembershipChange, node: number): Step {
  if (change.kind !== 'add') return impossible()
  writer.put(rosterTable, [], { ...roster, members: withOne(roster.members, change.value.member), nodes: withOne(roster.nodes, node), learners: without(roster.learners, node) })
  return { next: undefined, voterChange: simply('voter', node) }
}

/** The leaving voter first becomes a learner: so it still hears that the block which took its vote is committed, and attests to it. */
function demote(writer: Writer, chain: Uint8Array, roster: Roster, change: MembershipChange): Step {
  if (change.kind !== 'remove') return impossible()
  const { member } = change.value
  const found = writer.get(members, member)!
  const node = found.nodes[0]!
  writer.put(rosterTable, [], { ...roster, members: without(roster.members, member), nodes: without(roster.nodes, node), learners: withOne(roster.learners, node) })
  writer.put(members, [member], { ...found, nodes: [] })
  suspend(writer, chain, member)
  return { next: { stage: 'drop', node }, voterChange: simply('learner', node) }
}

function suspend(writer: Writer, chain: Uint8Array, member: number): void {
  const account = genesisAccountId(chain, member)
  writer.put(accounts, [account], { ...writer.get(accounts, account)!, suspended: true })
}

/** One voter for another is two changes, so it goes through a joint configuration (thesis §4.3). */
function swap(writer: Writer, roster: Roster, change: MembershipChange, node: number): Step {
  if (change.kind !== 'replace') return impossible()
  const { member, old } = change.value
  writer.put(rosterTable, [], { ...roster, nodes: withOne(without(roster.nodes, old), node), learners: withOne(without(roster.learners, node), old), outgoing: roster.nodes })
  writer.put(members, [member], { ...writer.get(members, member)!, nodes: [node] })
  return { next: { stage: 'leave', node: old }, voterChange: { transition: 'explicit', changes: [{ kind: 'voter', node }, { kind: 'learner', node: old }] } }
}

function rekey(writer: Writer, chain: Uint8Array, height: bigint, change: MembershipChange, node: number): Step {
  if (change.kind === 'rotateNode') putNode(writer, writer.get(nodes, node)!.member, change.value)
  else if (change.kind === 'rotateMember') {
    const { member, governanceKey, operatorKey, operatorSealKey } = change.value
    const account = genesisAccountId(chain, member)
    const from = height + 1n
    writer.put(members, [member], { ...writer.get(members, member)!, governanceKey, operatorKey, operatorSealKey })
    // Old keys end at once: a rotation is most urgent when one was stolen.
    writer.put(accounts, [account], { ...writer.get(accounts, account)!, signKeys: [{ key: ed25519KeyId(operatorKey), from }], sealKeys: [{ key: operatorSealKey, from }] })
  } else return impossible()
  return { next: undefined, voterChange: simply('update', node) }
}

function putNode(writer: Writer, member: number, { node, transportKey, attestationKey, addresses }: ProposedNode): void {
  writer.put(nodes, [node], { member, transportKey, attestationKey, addresses: [...addresses] })
}

function withOne(list: readonly number[], id: number): number[] {
  return [...new Set([...list, id])].sort((a, b) => a - b)
}

function without(list: readonly number[], id: number): number[] {
  return list.filter((each) => each !== id)
}

function impossible(): never {
  invariant(false, 'a stage belongs to another kind of change')
}
