import { ACTIVATION_NOTICE_BLOCKS } from '../contracts/index.ts'
import { toHex } from '../primitives/bytes.ts'
import type { MembershipChange } from '../primitives/calls/membership.ts'
import { SteleError } from '../primitives/error.ts'
import { toJson } from '../primitives/codec.ts'
import { chainParameters, parametersFault } from '../primitives/genesis.ts'
import type { RpcMembership, RpcProposal } from '../primitives/rpc-types.ts'

/** What the command line can see before it sends: a refusal here costs no block and says what there is instead. The contract decides all the same. */

function usage(message: string, details: Readonly<Record<string, unknown>> = {}): SteleError {
  return new SteleError({ code: 'USAGE_MEMBERSHIP', message, details })
}

const listed = (items: readonly (number | string)[]): string => (items.length === 0 ? 'none' : items.join(', '))

/** Refuses a proposal that the contract would refuse, by what the answering node knows. Throws `USAGE_MEMBERSHIP` or `PARAMETERS_FILE_INVALID`. */
export function mustBePossible(change: MembershipChange, membership: RpcMembership): void {
  switch (change.kind) {
    case 'remove': {
      const active = membership.members.filter((each) => each.active).map(({ member }) => member)
      if (!active.includes(change.value.member)) throw usage(`no active member has number ${change.value.member}; active are ${listed(active)}`, { member: change.value.member })
      return
    }
    case 'add': {
      const { name } = change.value
      if (membership.members.some((each) => each.name === name)) throw usage('a member of this name exists or has existed: the new one takes another name and new keys', { name })
      return
    }
    case 'parameters': {
      const rule = parametersFault(change.value)
      if (rule !== undefined) throw new SteleError({ code: 'PARAMETERS_FILE_INVALID', message: 'these cannot be the parameters of a chain', details: { rule } })
      return parametersPossible(toJson(chainParameters, change.value) as JsonParameters, membership.parameters as JsonParameters)
    }
    case 'activate': return activationPossible(change.value, membership)
    case 'deactivate': {
      const { contract, version } = change.value
      const waiting = membership.activations.filter(({ height }) => height > membership.asOf.height + 1)
      if (!waiting.some((each) => each.contract === contract && each.version === version)) {
        throw usage(`no vote for version ${version} of contract ${contract} waits for its height; waiting are ${listed(waiting.map((each) => `${each.contract} ${each.version} (block ${each.height})`))}`, { contract, version })
      }
    }
  }
}

type JsonParameters = Readonly<Record<string, unknown>>

function parametersPossible(then: JsonParameters, now: JsonParameters): void {
  if (Object.keys(then).every((name) => JSON.stringify(then[name]) === JSON.stringify(now[name]))) throw usage('these parameters are in force already: nothing would change')
  if (then['lifetimeMsMax'] !== now['lifetimeMsMax']) throw usage(`lifetimeMsMax stays ${String(now['lifetimeMsMax'])}, as genesis set it`, { lifetimeMsMax: then['lifetimeMsMax'] })
}

/** Refuses to vote with a key that is not the governance key of this member: nothing may stand on the ledger before that is sure. Throws `USAGE_MEMBERSHIP`. */
export function mustBeGovernanceKey(publicKey: Uint8Array, member: number, { members }: RpcMembership): void {
  if (members.find((each) => each.member === member)?.governanceKey === toHex(publicKey)) return
  throw usage(`the keystore holds another key than the governance key that the ledger names for member ${member}`, { member })
}

function activationPossible({ contract, version, height }: { readonly contract: string; readonly version: number; readonly height: bigint }, { activations, asOf }: RpcMembership): void {
  const first = BigInt(asOf.height + 1) + ACTIVATION_NOTICE_BLOCKS
  if (height < first) throw usage(`the chain is at block ${asOf.height}: name block ${first} or later, and leave room for the votes, the last of which must stand ${ACTIVATION_NOTICE_BLOCKS} blocks before it`, { height: Number(height) })
  const earlier = activations.findLast((each) => each.contract === contract)
  if (earlier !== undefined && (earlier.version >= version || BigInt(earlier.height) >= height)) throw usage(`version ${earlier.version} of contract ${contract} stands from block ${earlier.height} on; a later vote names a higher version and a later block`, { contract, version })
}

/** Refuses a ballot of this member that could not count. `found`: the proposal as the node lists it, undefined when it knows none of that id. Throws `PROPOSAL_NOT_OPEN`. */
export function mustBeVotable(found: RpcProposal | undefined, member: number): asserts found is RpcProposal {
  if (found?.state !== 'open') throw notOpen(found)
  const cast = found.ballots.find((ballot) => ballot.member === member)
  if (cast !== undefined) throw new SteleError({ code: 'PROPOSAL_NOT_OPEN', message: 'this member has voted on the proposal, and a vote stands', details: { proposal: found.proposal, vote: cast.vote, height: cast.height } })
}

/** Refuses to withdraw what is not this member's own, or is decided, unless its new node still catches up. Throws `PROPOSAL_NOT_OPEN` or `USAGE_MEMBERSHIP`. */
export function mustBeWithdrawable(found: RpcProposal | undefined, member: number, { underWay }: RpcMembership): void {
  if (found !== undefined && found.member !== member) throw usage(`the proposal is of member ${found.member}, who alone can withdraw it; vote against it instead`, { proposal: found.proposal })
  const waits = underWay !== null && underWay.proposal === found?.proposal && (underWay.stage === 'promote' || underWay.stage === 'swap')
  if (found?.state !== 'open' && !waits) throw notOpen(found)
}

function notOpen(found: RpcProposal | undefined): SteleError {
  return new SteleError({ code: 'PROPOSAL_NOT_OPEN', message: found === undefined ? 'no proposal of this id is among the newest that the node knows' : 'the proposal is not open any more', details: found === undefined ? {} : { proposal: found.proposal, state: found.state } })
}
