import { ballotBytes, membershipCalls, membershipEvents } from '../../primitives/calls/membership.ts'
import type { MembershipChange } from '../../primitives/calls/membership.ts'
import { certificateQuorum } from '../../primitives/member-set.ts'
import { call, defineContract, pass, refuserOf } from '../runtime/contract.ts'
import type { ApplyContext, CheckContext } from '../runtime/contract.ts'
import { firstStage } from './activation.ts'
import { MEMBERSHIP_CODES } from './codes.ts'
import { activations, ballots, governanceTable, members, parameters, proposalList, proposals, rosterTable } from './tables.ts'
import type { Governance, Proposal } from './tables.ts'
import { changeFault, changeProofs, openProposal } from './validity.ts'

const refuse = refuserOf(MEMBERSHIP_CODES)
/** Longest life of a proposal, in ms of block time: 30 days. */
export const PROPOSAL_MS_MAX = 30n * 86_400_000n

function isActiveMember(context: CheckContext): boolean {
  return context.caller.kind === 'institution' && context.get(rosterTable)!.members.includes(context.caller.member)
}

const propose = call({
  args: membershipCalls.propose,
  proofs: (reader, _block, { change }) => changeProofs(reader, change),
  check(context, { change, until }) {
    if (!isActiveMember(context)) return refuse('CALLER_NOT_MEMBER')
    const governance = context.get(governanceTable)!
    if (openProposal(context, context.block) !== undefined) return refuse('PROPOSAL_OPEN')
    if (governance.change !== null) return refuse('CHANGE_UNDER_WAY')
    if (until <= context.block.timeMs || until > context.block.timeMs + PROPOSAL_MS_MAX) return refuse('UNTIL_INVALID')
    const fault = changeFault(context, change)
    return fault === undefined ? pass(governance) : refuse(fault)
  },
  apply(context, { change, until }, governance) {
    if (governance.open !== null) close(context, governance.open, 'expired')
    const id = context.transactionId
    context.put(proposals, [id], { member: context.caller.member, change, until, height: context.block.height, state: 'open', yes: [], no: [] })
    context.put(proposalList, [governance.proposals], id)
    context.put(governanceTable, [], { ...governance, open: id, proposals: governance.proposals + 1 })
    context.emit('proposed', membershipEvents.proposed, { proposal: id, member: context.caller.member })
  },
})

function close(context: ApplyContext, id: Uint8Array, state: Proposal['state'], changes: Partial<Proposal> = {}): void {
  context.put(proposals, [id], { ...context.get(proposals, id)!, ...changes, state })
  context.emit('decided', membershipEvents.decided, { proposal: id, state })
}

const vote = call({
  args: membershipCalls.vote,
  proofs: (reader, { chainId }, { ballot, signature }) => {
    // The caller's key is known in execution only; a member's ballot of the newest keys verifies ahead, the others on demand.
    return reader.get(rosterTable)!.members.map((member) => ({ publicKey: reader.get(members, member)!.governanceKey, message: ballotBytes(chainId, ballot), signature }))
  },
  check(context, { ballot, signature }) {
    if (!isActiveMember(context)) return refuse('CALLER_NOT_MEMBER')
    if (context.get(proposals, ballot.proposal) === undefined) return refuse('PROPOSAL_UNKNOWN')
    const governance = context.get(governanceTable)!
    const open = openProposal(context, context.block)
    if (open === undefined || String(open.id) !== String(ballot.proposal)) return refuse('PROPOSAL_CLOSED')
    const { member } = context.caller
    if (context.get(ballots, ballot.proposal, member) !== undefined) return refuse('ALREADY_VOTED')
    const { governanceKey } = context.get(members, member)!
    if (!context.verified({ publicKey: governanceKey, message: ballotBytes(context.block.chainId, ballot), signature })) return refuse('BALLOT_INVALID')
    return pass({ governance, proposal: open.proposal })
  },
  apply(context, { ballot, signature }, { governance, proposal }) {
    const { member } = context.caller
    const yes = ballot.vote === 'yes' ? [...proposal.yes, member] : proposal.yes
    const no = ballot.vote === 'no' ? [...proposal.no, member] : proposal.no
    context.put(ballots, [ballot.proposal, member], { yes: ballot.vote === 'yes', reason: ballot.reason, text: ballot.text, signature, height: context.block.height })
    context.emit('voted', membershipEvents.voted, { proposal: ballot.proposal, member, vote: ballot.vote, reason: ballot.reason })
    const active = context.get(rosterTable)!.members.length
    const needed = certificateQuorum(active)
    if (yes.length >= needed) {
      close(context, ballot.proposal, 'passed', { yes, no })
      decide(context, { ...governance, open: null }, ballot.proposal, proposal.change)
    } else if (active - no.length < needed) {
      close(context, ballot.proposal, 'rejected', { yes, no })
      context.put(governanceTable, [], { ...governance, open: null })
    } else context.put(proposals, [ballot.proposal], { ...proposal, yes, no })
  },
})

/** Parameters and contract versions are in force from the next block on; everything about voters waits for its activation block. */
function decide(context: ApplyContext, governance: Governance, proposal: Uint8Array, change: MembershipChange): void {
  if (change.kind === 'parameters') context.put(parameters, [], change.value)
  else if (change.kind === 'activate') context.put(activations, [], [...(context.get(activations) ?? []), change.value])
  else if (change.kind === 'deactivate') {
    const { contract, version } = change.value
    context.put(activations, [], (context.get(activations) ?? []).filter((each) => each.contract !== contract || each.version !== version))
  }
  const staged = firstStage(change)
  context.put(governanceTable, [], staged === undefined ? governance : { ...governance, change: { proposal, change, ...staged, since: context.block.height } })
}

const withdraw = call({
  args: membershipCalls.withdraw,
  check(context, { proposal: id }) {
    if (!isActiveMember(context)) return refuse('CALLER_NOT_MEMBER')
    const proposal = context.get(proposals, id)
    if (proposal === undefined) return refuse('PROPOSAL_UNKNOWN')
    if (proposal.member !== context.caller.member) return refuse('NOT_PROPOSER')
    const governance = context.get(governanceTable)!
    const { change } = governance
    // A newcomer that never catches up must not block every later change.
    const waits = change !== null && String(change.proposal) === String(id) && (change.stage === 'promote' || change.stage === 'swap')
    const isOpen = String(openProposal(context, context.block)?.id) === String(id)
    return waits || isOpen ? pass({ governance, waits }) : refuse('PROPOSAL_CLOSED')
  },
  apply(context, { proposal: id }, { governance, waits }) {
    close(context, id, 'withdrawn')
    const { change } = governance
    context.put(governanceTable, [], waits && change !== null ? { ...governance, change: { ...change, stage: 'drop', since: context.block.height } } : { ...governance, open: null })
  },
})

/** Proposals and ballots of the members about themselves: who takes part, with which keys, under which parameters and contract versions. */
export const membership = defineContract({ name: 'membership', version: 1, codes: MEMBERSHIP_CODES, calls: { propose, vote, withdraw } })
