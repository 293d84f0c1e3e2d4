import t from 'tap'
import { toJson } from '../../primitives/codec.ts'
import { chainParameters, DEFAULT_PARAMETERS } from '../../primitives/genesis.ts'
import type { MembershipChange } from '../../primitives/calls/membership.ts'
import { membershipChange } from '../../primitives/calls/membership.ts'
import { preflight, changeOfCard } from '../../node/membership-change.ts'
import { mustBeGovernanceKey, mustBePossible, mustBeVotable, mustBeWithdrawable } from '../../node/membership-checks.ts'
import { describeProposal, formatMembership } from '../../node/membership-text.ts'
import type { RpcClusterStatus, RpcMembership, RpcProposal } from '../../primitives/rpc-types.ts'
import { sampleGenesis } from '../../docs/spec/sample-chain.ts'
import { toHex } from '../../primitives/bytes.ts'

const genesis = sampleGenesis()
const membership: RpcMembership = {
  epoch: 0, voters: [1, 2, 3, 4], learners: [], outgoing: [], needed: 3, nextMember: 5, nextNode: 5, activations: [], parameters: toJson(chainParameters, DEFAULT_PARAMETERS), open: null, underWay: null, proposals: [], asOf: { height: 9, hash: '', term: 1 },
  members: genesis.members.map(({ member, name, governanceKey }) => ({ member, name, active: true, node: member, governanceKey: toHex(governanceKey) })),
  nodes: genesis.members.map(({ member, nodes: [node] }) => ({ node: member, member, role: 'voter', transportKey: toHex(node!.transportKey), attestationKey: toHex(node!.attestationKey), addresses: node!.addresses, connected: true, lag: 0, refused: null })),
}
const status = (...up: readonly number[]): RpcClusterStatus => ({
  chain: '', leader: 1, term: 1, height: 9, finalHeight: 9, quorum: { voters: 4, reachable: up.length, writes: 3, finality: 3, failuresLeft: 0 }, asOf: membership.asOf,
  nodes: [1, 2, 3, 4].map((node) => ({ node, member: node, name: '', role: 'follower', reachable: up.includes(node), term: 1, height: 9, finalHeight: 9, lag: 0, version: '', uptimeMs: 0, problems: [] })),
})
const remove = (member: number) => ({ kind: 'remove', value: { member } }) as const

t.test('a change that would cost the quorum is called unsafe, with the sentence why', async (t) => {
  t.match(preflight(remove(4), membership, status(1, 2)), { safe: false, reasons: [/cannot become final: 2 of 4/], down: [3, 4] })
  t.match(preflight(remove(1), membership, status(1, 2, 3)), { safe: true, after: { voters: [2, 3, 4], reachable: 2, finality: 2 }, down: [4] })
  t.match(preflight(remove(1), { ...membership, voters: [1, 2], members: membership.members.slice(0, 2) }, status(1)), { safe: false })
  t.match(preflight(remove(1), { ...membership, voters: [1, 2] }, status(1, 2)), { safe: true, after: { voters: [2] } })
  t.match(preflight(remove(1), { ...membership, voters: [1] }, status(1)), { safe: false, reasons: ['no voter would be left'] })
  const three = { ...membership, voters: [1, 2, 3] }
  t.match(preflight(remove(1), three, status(1, 2)), { safe: false, reasons: [/afterwards 1 of 2 voters would answer/] })
  t.match(preflight(remove(4), { ...membership, open: 'ab' }, status(1, 2, 3, 4)), { safe: false, reasons: ['another proposal is open: ab'] })
  t.match(preflight(remove(4), { ...membership, underWay: { proposal: 'ab', stage: 'promote', node: 5, since: 1, change: {} } }, status(1, 2, 3, 4)), { safe: false, reasons: [/earlier change is not complete: promote of node 5/] })
})

t.test('a card asks for one change that fits the numbers of now', async (t) => {
  const card = genesis.members[1]!
  const [node] = card.nodes
  t.throws(() => changeOfCard('add', card, membership), { code: 'USAGE_MEMBERSHIP', message: /number 5 and node 5/ })
  t.throws(() => changeOfCard('replace', card, membership), { code: 'USAGE_MEMBERSHIP', message: /takes number 5/ })
  t.throws(() => changeOfCard('rotate', { ...card, nodes: [{ ...node!, node: 5 }] }, membership), { code: 'USAGE_MEMBERSHIP' })
  t.throws(() => changeOfCard('rotate', { ...card, governanceKey: new Uint8Array(32), nodes: [{ ...node!, attestationKey: new Uint8Array(32) }] }, membership), { code: 'USAGE_MEMBERSHIP', message: /one after the other/ })
  t.match(changeOfCard('replace', { ...card, nodes: [{ ...node!, node: 5 }] }, membership), { kind: 'replace', value: { member: 2, old: 2 } })
  t.equal(changeOfCard('rotate', { ...card, nodes: [{ ...node!, attestationKey: new Uint8Array(32) }] }, membership).kind, 'rotateNode')
  t.equal(changeOfCard('rotate', { ...card, governanceKey: new Uint8Array(32) }, membership).kind, 'rotateMember')
  t.equal(changeOfCard('add', { ...card, member: 5, nodes: [{ ...node!, node: 5 }] }, membership).kind, 'add')
})

t.test('what the contract would refuse is refused before it costs a block, naming what there is instead', async (t) => {
  const refused = (change: Parameters<typeof mustBePossible>[0], said: RegExp, at = membership): void => { t.throws(() => mustBePossible(change, at), { code: 'USAGE_MEMBERSHIP', message: said }) }
  refused(remove(99), /number 99; active are 1, 2, 3, 4$/)
  refused(remove(4), /active are 1, 2, 3$/, { ...membership, members: membership.members.map((each) => ({ ...each, active: each.member !== 4 })) })
  const activate = (version: number, height: bigint) => ({ kind: 'activate', value: { contract: 'access', version, height } }) as const
  refused(activate(2, 109n), /at block 9: name block 110 or later/)
  const voted = { ...membership, activations: [{ contract: 'access', version: 2, height: 300 }, { contract: 'records', version: 2, height: 10 }] }
  refused(activate(2, 400n), /version 2 of contract access stands from block 300/, voted)
  refused(activate(3, 300n), /version 2 of contract access stands/, voted)
  const deactivate = (contract: string) => ({ kind: 'deactivate', value: { contract, version: 2 } }) as const
  refused(deactivate('access'), /waiting are none/)
  refused(deactivate('records'), /waiting are access 2 \(block 300\)/, voted)
  t.throws(() => mustBePossible({ kind: 'parameters', value: { ...DEFAULT_PARAMETERS, replication: 0 } }, membership), { code: 'PARAMETERS_FILE_INVALID', details: { rule: /replication/ } })
  const [{ nodes: [node], ...known }] = genesis.members as [typeof genesis.members[number]]
  refused({ kind: 'add', value: { ...known, member: 5, node: { ...node!, node: 5 } } } as MembershipChange, /of this name exists or has existed/)
  refused({ kind: 'parameters', value: DEFAULT_PARAMETERS }, /in force already/)
  refused({ kind: 'parameters', value: { ...DEFAULT_PARAMETERS, lifetimeMsMax: 1 } }, /lifetimeMsMax stays 600000/)
  for (const [change, at] of [[remove(4), membership], [activate(2, 110n), membership], [activate(3, 301n), voted], [deactivate('access'), voted], [{ kind: 'parameters', value: { ...DEFAULT_PARAMETERS, replication: 2 } }, membership]] as const) t.doesNotThrow(() => mustBePossible(change, at))
})

t.test('a vote on what is unknown, decided or voted on is not sent; nor is a withdrawal of another\'s proposal', async (t) => {
  const proposal = (state: RpcProposal['state']): RpcProposal => ({ proposal: 'ab', member: 1, state, until: 0, height: 5, change: {}, ballots: [{ member: 1, vote: 'yes', reason: 'agreed', text: null, height: 6 }] })
  t.throws(() => mustBeVotable(undefined, 2), { code: 'PROPOSAL_NOT_OPEN', message: /no proposal of this id/ })
  for (const state of ['passed', 'rejected', 'withdrawn', 'expired'] as const) t.throws(() => mustBeVotable(proposal(state), 2), { code: 'PROPOSAL_NOT_OPEN', details: { state } }, state)
  t.throws(() => mustBeVotable(proposal('open'), 1), { code: 'PROPOSAL_NOT_OPEN', details: { vote: 'yes', height: 6 } })
  t.doesNotThrow(() => mustBeVotable(proposal('open'), 2))
  t.throws(() => mustBeWithdrawable(proposal('open'), 2, membership), { code: 'USAGE_MEMBERSHIP', message: /of member 1/ })
  t.throws(() => mustBeWithdrawable(undefined, 1, membership), { code: 'PROPOSAL_NOT_OPEN' })
  const underWay = (stage: string, of = 'ab'): RpcMembership => ({ ...membership, underWay: { proposal: of, stage, node: 5, since: 1, change: {} } })
  for (const at of [membership, underWay('leave'), underWay('promote', 'cd')]) t.throws(() => mustBeWithdrawable(proposal('passed'), 1, at), { code: 'PROPOSAL_NOT_OPEN', details: { state: 'passed' } })
  for (const [state, at] of [['open', membership], ['passed', underWay('promote')], ['passed', underWay('swap')]] as const) t.doesNotThrow(() => mustBeWithdrawable(proposal(state), 1, at))
})

t.test('a vote with another key than the governance key of the member is not sent', async (t) => {
  const keyOf = (member: number): Uint8Array => genesis.members[member - 1]!.governanceKey
  t.throws(() => mustBeGovernanceKey(keyOf(1), 2, membership), { code: 'USAGE_MEMBERSHIP', message: /another key than the governance key .* member 2/ })
  t.throws(() => mustBeGovernanceKey(keyOf(1), 9, membership), { code: 'USAGE_MEMBERSHIP' })
  t.doesNotThrow(() => mustBeGovernanceKey(keyOf(2), 2, membership))
})

t.test('a proposal is told in words: whom it removes, where a node is, which parameters become what', async (t) => {
  const { name, nodes: [node], ...keys } = genesis.members[1]!
  const said = (change: MembershipChange, state: RpcProposal['state'] = 'open'): string => describeProposal({ proposal: 'ab', member: 1, state, until: 0, height: 5, change: toJson(membershipChange, change), ballots: [] }, membership)
  t.equal(said(remove(2)), `remove member 2 (${name})`)
  t.equal(said({ kind: 'add', value: { ...keys, member: 5, name: 'east-clinic', node: { ...node!, node: 5 } } } as MembershipChange), `add member 5 (east-clinic) with node 5 at ${node!.addresses.join(' ')}`)
  t.match(said({ kind: 'replace', value: { member: 2, old: 2, node: { ...node!, node: 5 } } }), `replace node 2 of member 2 (${name}) by node 5 at `)
  t.match(said({ kind: 'rotateNode', value: { ...node!, addresses: [] } }), `of node 2 of member 2 (${name}) without an address`)
  const parameters = { kind: 'parameters', value: { ...DEFAULT_PARAMETERS, replication: 2, snapshotBlocks: 15 } } as const
  t.equal(said(parameters), 'change parameters: replication 3 → 2, snapshotBlocks 10000 → 15')
  t.equal(said(parameters, 'passed'), 'change parameters', 'what is over is not compared with what is in force now')
  t.equal(said({ kind: 'activate', value: { contract: 'access', version: 2, height: 300n } }), 'activate version 2 of contract access from block 300')
  const open: RpcProposal = { proposal: 'ab', member: 1, state: 'open', until: 0, height: 5, change: toJson(membershipChange, remove(2)), ballots: [{ member: 1, vote: 'no', reason: 'policy', text: null, height: 6 }] }
  t.match(formatMembership({ ...membership, proposals: [open] }), /open {6}ab {2}by member 1, open until 1970-01-01T00:00Z\n {10}remove member 2 \(.*\) · votes: 1 no \(policy\)$/)
})
