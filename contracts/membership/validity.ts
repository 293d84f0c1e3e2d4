import { equalBytes } from '../../primitives/bytes.ts'
import { CALLS } from '../../primitives/calls/index.ts'
import type { MembershipChange, ProposedNode } from '../../primitives/calls/membership.ts'
import { nodeCertificationBytes, parametersFault } from '../../primitives/genesis.ts'
import { MEMBER_SET_VOTERS_MAX } from '../../primitives/member-set.ts'
import type { SignatureItem } from '../../primitives/signature.ts'
import type { CheckContext } from '../runtime/contract.ts'
import type { Reader } from '../runtime/table.ts'
import type { MEMBERSHIP_CODES } from './codes.ts'
import { unknownPolicyWord } from './genesis.ts'
import { activations, governanceTable, members, nodes, parameters, proposals, rosterTable } from './tables.ts'
import type { Proposal } from './tables.ts'

export type Fault = keyof typeof MEMBERSHIP_CODES

/** Blocks between the last vote on a contract version and its first block at least: time to update every node. */
export const ACTIVATION_NOTICE_BLOCKS = 100n

/** Signatures a proposal carries besides its own: certifications of node keys. */
export function changeProofs(reader: Reader, change: MembershipChange): readonly SignatureItem[] {
  switch (change.kind) {
    case 'add': return [certificationOf(change.value.governanceKey, change.value.member, change.value.node)]
    case 'replace': return certifiedBy(reader, change.value.member, change.value.node)
    case 'rotateNode': {
      const found = reader.get(nodes, change.value.node)
      return found === undefined ? [] : certifiedBy(reader, found.member, change.value)
    }
    case 'rotateMember': {
      const [node] = reader.get(members, change.value.member)?.nodes ?? []
      const found = node === undefined ? undefined : reader.get(nodes, node)
      return found === undefined ? [] : [certificationOf(change.value.governanceKey, change.value.member, { ...found, node: node!, certification: change.value.certification })]
    }
    default: return []
  }
}

function certifiedBy(reader: Reader, member: number, node: ProposedNode): readonly SignatureItem[] {
  const found = reader.get(members, member)
  return found === undefined ? [] : [certificationOf(found.governanceKey, member, node)]
}

function certificationOf(publicKey: Uint8Array, member: number, { node, transportKey, attestationKey, certification }: Pick<ProposedNode, 'node' | 'transportKey' | 'attestationKey' | 'certification'>): SignatureItem {
  return { publicKey, message: nodeCertificationBytes({ member, node, transportKey, attestationKey }), signature: certification }
}

/** Why the members cannot decide this now; undefined when they can. */
export function changeFault(context: CheckContext, change: MembershipChange): Fault | undefined {
  const fault = shapeFault(context, change)
  if (fault !== undefined) return fault
  return changeProofs(context, change).every((item) => context.verified(item)) ? undefined : 'CERTIFICATION_INVALID'
}

function shapeFault(context: CheckContext, change: MembershipChange): Fault | undefined {
  const roster = context.get(rosterTable)!
  const governance = context.get(governanceTable)!
  switch (change.kind) {
    case 'add': {
      const { member, name, governanceKey, operatorKey, node } = change.value
      if (member !== governance.nextMember || node.node !== governance.nextNode) return 'NUMBER_NOT_NEXT'
      if (roster.nodes.length >= MEMBER_SET_VOTERS_MAX) return 'VOTERS_TOO_MANY'
      if (allMembers(context).some((other) => other.name === name)) return 'NAME_TAKEN'
      return keysFault(context, [governanceKey, operatorKey, node.transportKey, node.attestationKey])
    }
    case 'remove':
      if (!roster.members.includes(change.value.member)) return 'MEMBER_UNKNOWN'
      return roster.nodes.length === 1 ? 'LAST_VOTER' : undefined
    case 'replace': {
      const { member, old, node } = change.value
      if (!roster.members.includes(member)) return 'MEMBER_UNKNOWN'
      if (!roster.nodes.includes(old) || context.get(nodes, old)?.member !== member) return 'NODE_NOT_VOTER'
      if (node.node !== governance.nextNode) return 'NUMBER_NOT_NEXT'
      return keysFault(context, [node.transportKey, node.attestationKey])
    }
    case 'rotateNode': return rotateNodeFault(context, roster.nodes, change.value)
    case 'rotateMember': return rotateMemberFault(context, roster.members, change.value)
    case 'parameters': {
      const before = context.get(parameters)!
      if (parametersFault(change.value) !== undefined || unknownPolicyWord(change.value) !== undefined) return 'PARAMETERS_INVALID'
      return change.value.lifetimeMsMax === before.lifetimeMsMax ? undefined : 'PARAMETER_FIXED'
    }
    case 'activate': {
      const { contract, version, height } = change.value
      // A name that no contract has would stop every node at that height.
      if (!Object.hasOwn(CALLS, contract)) return 'ACTIVATION_INVALID'
      const earlier = (context.get(activations) ?? []).filter((each) => each.contract === contract)
      if (height < context.block.height + ACTIVATION_NOTICE_BLOCKS || version < 2) return 'ACTIVATION_INVALID'
      return earlier.some((each) => each.version >= version || each.height >= height) ? 'ACTIVATION_INVALID' : undefined
    }
    case 'deactivate': return isPending(context, context.block.height, change.value) ? undefined : 'ACTIVATION_UNKNOWN'
  }
}

/** Whether a contract version waits for its height: the members have agreed, and no block has run it. */
function isPending(reader: Reader, height: bigint, { contract, version }: { readonly contract: string; readonly version: number }): boolean {
  return (reader.get(activations) ?? []).some((each) => each.contract === contract && each.version === version && each.height > height)
}

/** The proposal that a block of this height and time can vote on: the open one, unless its time has passed or it has become too late for its height. */
export function openProposal(reader: Reader, block: { readonly height: bigint; readonly timeMs: bigint }): { readonly id: Uint8Array; readonly proposal: Proposal } | undefined {
  const { open } = reader.get(governanceTable)!
  if (open === null) return undefined
  const proposal = reader.get(proposals, open)!
  return proposal.until < block.timeMs || isLate(reader, block.height, proposal.change) ? undefined : { id: open, proposal }
}

/**
 * Whether a proposal has become too old for its height while the members voted. An `activate` that passed now would leave less than the notice, or even rewrite which version
 * the blocks behind it ran; a `deactivate` would take back what runs.
 */
function isLate(reader: Reader, height: bigint, change: MembershipChange): boolean {
  if (change.kind === 'activate') return change.value.height < height + ACTIVATION_NOTICE_BLOCKS
  return change.kind === 'deactivate' && !isPending(reader, height, change.value)
}

function rotateNodeFault(context: CheckContext, voters: readonly number[], { node, transportKey, attestationKey, addresses }: ProposedNode): Fault | undefined {
  const found = context.get(nodes, node)
  if (found === undefined || !voters.includes(node)) return 'NODE_NOT_VOTER'
  const fresh = [[found.transportKey, transportKey], [found.attestationKey, attestationKey]].filter(([before, after]) => !equalBytes(before!, after!)).map(([, after]) => after!)
  if (fresh.length === 0 && found.addresses.join(' ') === addresses.join(' ')) return 'NOTHING_CHANGES'
  return keysFault(context, fresh)
}

function rotateMemberFault(context: CheckContext, active: readonly number[], { member, governanceKey, operatorKey, operatorSealKey }: Extract<MembershipChange, { kind: 'rotateMember' }>['value']): Fault | undefined {
  const found = context.get(members, member)
  if (found === undefined || !active.includes(member)) return 'MEMBER_UNKNOWN'
  const fresh = [[found.governanceKey, governanceKey], [found.operatorKey, operatorKey]].filter(([before, after]) => !equalBytes(before!, after!)).map(([, after]) => after!)
  if (fresh.length === 0 && equalBytes(found.operatorSealKey, operatorSealKey)) return 'NOTHING_CHANGES'
  return keysFault(context, fresh)
}

function allMembers(reader: Reader) {
  const { nextMember } = reader.get(governanceTable)!
  return Array.from({ length: nextMember - 1 }, (_, i) => reader.get(members, i + 1)).filter((found) => found !== undefined)
}

/** New keys are distinct from each other and from every key a member or node of this chain has. */
function keysFault(reader: Reader, fresh: readonly Uint8Array[]): Fault | undefined {
  const { nextNode } = reader.get(governanceTable)!
  const known = new Set(allMembers(reader).flatMap(({ governanceKey, operatorKey }) => [String(governanceKey), String(operatorKey)]))
  for (let id = 1; id < nextNode; id++) {
    const found = reader.get(nodes, id)
    if (found !== undefined) known.add(String(found.transportKey)).add(String(found.attestationKey))
  }
  for (const key of fresh.map(String)) {
    if (known.has(key)) return 'KEY_TAKEN'
    known.add(key)
  }
  return undefined
}
