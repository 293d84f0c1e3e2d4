// Goal: only what the members' quorum of governance keys agreed to changes who takes part, one change at a time, and nothing is half done (REQUIREMENTS OP1, DESIGN §5.11).
import t from 'tap'
import { ballotBytes } from '../../primitives/calls/membership.ts'
import type { BallotContent, MembershipChange } from '../../primitives/calls/membership.ts'
import { DEFAULT_PARAMETERS, nodeCertificationBytes } from '../../primitives/genesis.ts'
import { verify } from '../../primitives/signature.ts'
import { builtInRegistry, executeActivation, openProposal, pendingStep, readAccount, readActivations, readerOf, readGovernance, readMember, readMemberSets, readNode, readParameters, readProposal, readRoster } from '../../contracts/index.ts'
import { access } from '../../contracts/access/contract.ts'
import { recordsContract } from '../../contracts/records/contract.ts'
import { bytes32, ContractWorld, signerOf } from '../helpers/contract-world.ts'
import { asSecondVersion } from '../helpers/second-version.ts'

const DAY = 86_400_000n

function nodeOf(member: number, node: number, label = `n${node}`, governance = signerOf(`governance ${member}`)) {
  const keys = { transportKey: signerOf(`transport ${label}`).publicKey, attestationKey: signerOf(`node ${label}`).publicKey }
  return { node, ...keys, addresses: ['/ip4/127.0.0.1/tcp/9100'], certification: governance.sign(nodeCertificationBytes({ member, node, ...keys })) }
}
function addition(member: number, node: number, name = `clinic-${member}`): MembershipChange {
  return { kind: 'add', value: { member, name, governanceKey: signerOf(`governance ${member}`).publicKey, operatorKey: signerOf(`operator ${member}`).publicKey, operatorSealKey: bytes32(`seal ${member}`), node: nodeOf(member, node) } }
}

class Assembly extends ContractWorld {
  override readonly registry = builtInRegistry([access, recordsContract].map(asSecondVersion))

  propose(member: number, change: MembershipChange, until = this.timeMs + DAY): { readonly code: string; readonly id: Uint8Array } {
    const transaction = this.transaction(this.institution(member), 'membership', 'propose', { change, until })
    return { code: this.run(transaction).code, id: transaction.id }
  }

  vote(member: number, proposal: Uint8Array, vote: 'yes' | 'no' = 'yes', signer = signerOf(`governance ${member}`)): string {
    const ballot: BallotContent = { proposal, vote, reason: 'agreed', text: null }
    return this.call(this.institution(member), 'membership', 'vote', { ballot, signature: signer.sign(ballotBytes(this.chain, ballot)) }).code
  }

  /** Three of four agree. */
  agree(change: MembershipChange): Uint8Array {
    const { id, code } = this.propose(1, change)
    for (const word of [code, this.vote(1, id), this.vote(2, id), this.vote(3, id)]) if (word !== 'OK') throw new Error(word)
    return id
  }

  activate(): ReturnType<typeof executeActivation> {
    this.height += 1n
    const layer = this.window.layer()
    return executeActivation({ state: this.state, window: layer, registry: this.registry, verified: ({ publicKey, message, signature }) => verify(publicKey, message, signature) }, { height: this.height, timeMs: this.timeMs, parentTimeMs: this.timeMs, chainId: this.chain })
  }

  get reader() { return readerOf(this.state) }
}

t.test('proposals that cannot be decided are refused by name', async (t) => {
  const world = new Assembly(4)
  const patient = world.enroll(1, 'patient', 'ana')
  t.equal(world.call(patient, 'membership', 'propose', { change: { kind: 'remove', value: { member: 2 } }, until: world.timeMs + DAY }).code, 'CALLER_NOT_MEMBER')
  const bad: [MembershipChange, string][] = [
    [{ kind: 'remove', value: { member: 9 } }, 'MEMBER_UNKNOWN'],
    [addition(6, 5), 'NUMBER_NOT_NEXT'], [addition(5, 6), 'NUMBER_NOT_NEXT'], [addition(5, 5, 'clinic-1'), 'NAME_TAKEN'],
    [{ kind: 'add', value: { ...(addition(5, 5) as Extract<MembershipChange, { kind: 'add' }>).value, operatorKey: signerOf('operator 2').publicKey } }, 'KEY_TAKEN'],
    [{ kind: 'add', value: { ...(addition(5, 5) as Extract<MembershipChange, { kind: 'add' }>).value, node: nodeOf(5, 5, 'x', signerOf('governance 1')) } }, 'CERTIFICATION_INVALID'],
    [{ kind: 'replace', value: { member: 2, old: 3, node: nodeOf(2, 5) } }, 'NODE_NOT_VOTER'], [{ kind: 'replace', value: { member: 2, old: 77, node: nodeOf(2, 5) } }, 'NODE_NOT_VOTER'],
    [{ kind: 'replace', value: { member: 2, old: 2, node: nodeOf(3, 5) } }, 'CERTIFICATION_INVALID'],
    [{ kind: 'rotateNode', value: nodeOf(9, 9) }, 'NODE_NOT_VOTER'], [{ kind: 'rotateNode', value: nodeOf(2, 2, '3') }, 'KEY_TAKEN'],
    [{ kind: 'parameters', value: { ...DEFAULT_PARAMETERS, replication: 0 } }, 'PARAMETERS_INVALID'], [{ kind: 'parameters', value: { ...DEFAULT_PARAMETERS, lifetimeMsMax: 1 } }, 'PARAMETER_FIXED'],
    [{ kind: 'activate', value: { contract: 'access', version: 1, height: 5000n } }, 'ACTIVATION_INVALID'], [{ kind: 'activate', value: { contract: 'access', version: 2, height: 3n } }, 'ACTIVATION_INVALID'],
    [{ kind: 'activate', value: { contract: 'acess', version: 2, height: 5000n } }, 'ACTIVATION_INVALID'],
    [{ kind: 'deactivate', value: { contract: 'access', version: 2 } }, 'ACTIVATION_UNKNOWN'], [{ kind: 'deactivate', value: { contract: 'access', version: 1 } }, 'ACTIVATION_UNKNOWN'],
  ]
  for (const [change, code] of bad) t.equal(world.propose(1, change).code, code, `${change.kind}: ${code}`)
  t.equal(world.propose(1, { kind: 'remove', value: { member: 2 } }, world.timeMs).code, 'UNTIL_INVALID')
  t.equal(world.propose(1, { kind: 'remove', value: { member: 2 } }, world.timeMs + 31n * DAY).code, 'UNTIL_INVALID')
  t.equal(readGovernance(world.reader).proposals, 0, 'nothing of it is on record')
  t.equal(new Assembly(1).propose(1, { kind: 'remove', value: { member: 1 } }).code, 'LAST_VOTER')
})

t.test('one proposal at a time, one vote per member, by its governance key', async (t) => {
  const world = new Assembly(4)
  const { id } = world.propose(1, { kind: 'remove', value: { member: 4 } })
  t.equal(world.propose(2, { kind: 'remove', value: { member: 3 } }).code, 'PROPOSAL_OPEN')
  t.equal(world.vote(1, bytes32('nothing')), 'PROPOSAL_UNKNOWN')
  t.equal(world.vote(1, id, 'yes', signerOf('operator 1')), 'BALLOT_INVALID', 'the operator key does not vote')
  t.equal(world.vote(1, id, 'yes', signerOf('governance 2')), 'BALLOT_INVALID')
  t.equal(world.vote(1, id), 'OK')
  t.equal(world.vote(1, id, 'no'), 'ALREADY_VOTED')
  t.equal(world.call(world.institution(2), 'membership', 'withdraw', { proposal: id }).code, 'NOT_PROPOSER')
  t.equal(world.vote(2, id, 'no'), 'OK')
  t.equal(readProposal(world.reader, id)!.state, 'open')
  t.equal(world.vote(3, id, 'no'), 'OK')
  t.match(readProposal(world.reader, id), { state: 'rejected', yes: [1], no: [2, 3] })
  t.equal(world.vote(4, id), 'PROPOSAL_CLOSED')
  const second = world.propose(2, { kind: 'remove', value: { member: 4 } })
  t.equal(world.call(world.institution(2), 'membership', 'withdraw', { proposal: second.id }).code, 'OK')
  t.equal(world.vote(1, second.id), 'PROPOSAL_CLOSED')
  const third = world.propose(1, { kind: 'remove', value: { member: 4 } }, world.timeMs + 10n)
  t.equal(world.run(world.transaction(world.institution(2), 'identity', 'enroll', { kind: 'service', signKey: new Uint8Array(33).fill(1), sealKey: bytes32('s') }), 60n).code, 'OK')
  t.equal(world.vote(1, third.id), 'PROPOSAL_CLOSED', 'its time has passed')
  t.equal(world.propose(2, { kind: 'remove', value: { member: 4 } }).code, 'OK', 'and it blocks nobody')
  t.equal(readProposal(world.reader, third.id)!.state, 'expired')
})

t.test('a member joins in two activation blocks and votes only after the second', async (t) => {
  const world = new Assembly(4)
  t.match(world.activate(), { refused: { code: 'BLOCK_CHANGE_MISSING' } })
  const id = world.agree(addition(5, 5))
  t.same(pendingStep(world.reader), { stage: 'learn', node: 5, due: true })
  t.match(world.block([]), { refused: { code: 'BLOCK_CHANGE_DUE' } }, 'no other block comes first')
  t.match(world.activate(), { set: { voters: { length: 4 } }, changes: [{ changes: [{ kind: 'learner', node: 5 }] }] })
  t.match(readRoster(world.reader), { members: [1, 2, 3, 4], nodes: [1, 2, 3, 4], learners: [5] })
  t.equal(world.propose(5, { kind: 'remove', value: { member: 1 } }).code, 'CALLER_NOT_MEMBER', 'a learner\'s institution has no say')
  t.equal(world.propose(1, { kind: 'remove', value: { member: 2 } }).code, 'CHANGE_UNDER_WAY')
  t.same(pendingStep(world.reader), { stage: 'promote', node: 5, due: false })
  t.match(world.activate(), { set: { voters: { length: 5 } }, changes: [{ changes: [{ kind: 'voter', node: 5 }] }] })
  t.match(readGovernance(world.reader), { change: null, nextMember: 6, nextNode: 6, sets: 2 })
  t.same(readMemberSets(world.reader).map(({ from, set }) => [from, set.voters.length]), [[1n, 4], [world.height + 1n, 5]])
  t.equal(readProposal(world.reader, id)!.state, 'passed')
})

t.test('a newcomer that never catches up is given up; its numbers are not given again', async (t) => {
  const world = new Assembly(4)
  const id = world.agree(addition(5, 5))
  world.activate()
  t.equal(world.call(world.institution(1), 'membership', 'withdraw', { proposal: id }).code, 'OK')
  t.match(world.activate(), { changes: [{ changes: [{ kind: 'remove', node: 5 }] }] })
  t.match(readRoster(world.reader), { nodes: [1, 2, 3, 4], learners: [] })
  t.equal(readNode(world.reader, 5), undefined)
  t.equal(readAccount(world.reader, readMember(world.reader, 5)!.account)!.suspended, true)
  t.equal(world.propose(1, addition(5, 5)).code, 'NUMBER_NOT_NEXT')
})

t.test('a member leaves as a learner first; a replacement goes through a joint configuration', async (t) => {
  const world = new Assembly(4)
  world.agree({ kind: 'remove', value: { member: 4 } })
  t.match(world.activate(), { set: { voters: { length: 3 } }, changes: [{ changes: [{ kind: 'learner', node: 4 }] }] })
  t.match(world.block([world.transaction(world.institution(4), 'membership', 'withdraw', { proposal: bytes32('x') })]), { refused: { code: 'ACCOUNT_SUSPENDED' } })
  t.match(world.activate(), { changes: [{ changes: [{ kind: 'remove', node: 4 }] }] })
  const { id } = world.propose(1, { kind: 'replace', value: { member: 3, old: 3, node: nodeOf(3, 5) } })
  t.same([world.vote(1, id), world.vote(2, id)], ['OK', 'OK'], 'two of three suffice now')
  world.activate()
  t.match(world.activate(), { set: { voters: [{ node: 1 }, { node: 2 }, { node: 5, member: 3 }] }, changes: [{ transition: 'explicit', changes: [{ kind: 'voter', node: 5 }, { kind: 'learner', node: 3 }] }] })
  t.match(readRoster(world.reader), { nodes: [1, 2, 5], outgoing: [1, 2, 3], learners: [3] })
  t.match(world.activate(), { changes: [{ transition: 'auto', changes: [] }] })
  t.match(world.activate(), { changes: [{ changes: [{ kind: 'remove', node: 3 }] }] })
  t.match(readRoster(world.reader), { members: [1, 2, 3], nodes: [1, 2, 5], outgoing: [], learners: [] })
})

t.test('rotated keys are in force after their activation, old ones are not; parameters follow a vote at once', async (t) => {
  const world = new Assembly(4)
  const governance = signerOf('governance 2 new')
  const { transportKey, attestationKey } = readNode(world.reader, 2)!
  world.agree({ kind: 'rotateMember', value: { member: 2, governanceKey: governance.publicKey, operatorKey: signerOf('operator 2 new').publicKey, operatorSealKey: bytes32('seal new'), certification: governance.sign(nodeCertificationBytes({ member: 2, node: 2, transportKey, attestationKey })) } })
  const outcome = world.activate()
  t.match(outcome, { set: { voters: [{}, { governanceKey: governance.publicKey }] } })
  const { id } = world.propose(1, { kind: 'parameters', value: { ...DEFAULT_PARAMETERS, replication: 2 } })
  t.match(world.block([world.transaction(world.institution(2), 'membership', 'withdraw', { proposal: id })]), { refused: { code: 'SIGNER_NOT_ACTIVE' } })
  t.same([world.vote(1, id), world.vote(3, id), world.vote(4, id)], ['OK', 'OK', 'OK'])
  t.equal(readParameters(world.reader).replication, 2)
  t.equal(pendingStep(world.reader), undefined)
})

t.test('members take the vote on a contract version back before its height, and not once a block has run it', async (t) => {
  const world = new Assembly(4)
  world.agree({ kind: 'activate', value: { contract: 'access', version: 2, height: 400n } })
  world.agree({ kind: 'activate', value: { contract: 'records', version: 2, height: 400n } })
  const taken: MembershipChange = { kind: 'deactivate', value: { contract: 'access', version: 2 } }
  const { id } = world.propose(2, taken)
  t.same([world.vote(1, id), world.vote(2, id)], ['OK', 'OK'])
  t.equal(readActivations(world.reader).length, 2, 'two of four do not suffice')
  t.equal(world.vote(4, id), 'OK')
  t.match(readActivations(world.reader), [{ contract: 'records', version: 2 }], 'the other version still comes')
  t.equal(world.propose(1, taken).code, 'ACTIVATION_UNKNOWN', 'nothing is taken back twice')
  world.agree({ kind: 'activate', value: { contract: 'access', version: 2, height: 300n } })
  t.equal(readActivations(world.reader).length, 2, 'the same version may be voted for anew, at an earlier height than before')
  world.height = 299n
  t.equal(world.propose(1, taken).code, 'ACTIVATION_UNKNOWN', 'the block of the proposal is the first that runs it')
})

t.test('a vote that comes too late for its height closes the proposal: no version is activated for blocks that have been, and none is taken back that runs', async (t) => {
  const world = new Assembly(4)
  const late = world.propose(1, { kind: 'activate', value: { contract: 'access', version: 2, height: 300n } })
  t.same([world.vote(1, late.id), world.vote(2, late.id)], ['OK', 'OK'])
  world.height = 200n
  t.equal(world.vote(3, late.id), 'PROPOSAL_CLOSED', 'block 201: 99 blocks are no notice')
  t.same(readActivations(world.reader), [])
  t.equal(openProposal(world.reader, { height: 201n, timeMs: world.timeMs }), undefined)
  t.equal(world.call(world.institution(1), 'membership', 'withdraw', { proposal: late.id }).code, 'PROPOSAL_CLOSED')
  world.agree({ kind: 'activate', value: { contract: 'access', version: 2, height: 400n } })
  t.equal(readProposal(world.reader, late.id)!.state, 'expired', 'and it was in nobody\'s way')
  const undo = world.propose(1, { kind: 'deactivate', value: { contract: 'access', version: 2 } })
  t.same([world.vote(1, undo.id), world.vote(2, undo.id)], ['OK', 'OK'])
  world.height = 399n
  t.equal(world.vote(3, undo.id), 'PROPOSAL_CLOSED')
  t.match(readActivations(world.reader), [{ contract: 'access', version: 2, height: 400n }])
})

t.test('of two proposals in one block the first is open and the second leaves nothing; two votes that would both decide it, decide it once', async (t) => {
  const world = new Assembly(4)
  const propose = (member: number, change: MembershipChange) => world.transaction(world.institution(member), 'membership', 'propose', { change, until: world.timeMs + DAY })
  const [first, second] = [propose(1, { kind: 'remove', value: { member: 4 } }), propose(2, { kind: 'remove', value: { member: 1 } })]
  t.match(world.block([first, second]), { receipts: [{ code: 'OK' }, { code: 'PROPOSAL_OPEN' }] })
  t.equal(readProposal(world.reader, second.id), undefined)
  t.match(readGovernance(world.reader), { open: first.id, proposals: 1 })
  const voteOf = (member: number) => {
    const ballot: BallotContent = { proposal: first.id, vote: 'yes', reason: 'agreed', text: null }
    return world.transaction(world.institution(member), 'membership', 'vote', { ballot, signature: signerOf(`governance ${member}`).sign(ballotBytes(world.chain, ballot)) })
  }
  t.match(world.block([1, 2, 3, 4].map(voteOf)), { receipts: [{ code: 'OK' }, { code: 'OK' }, { code: 'OK' }, { code: 'PROPOSAL_CLOSED' }] })
  t.match(readProposal(world.reader, first.id), { state: 'passed', yes: [1, 2, 3] })
  t.same(pendingStep(world.reader), { stage: 'demote', node: 0, due: true })
})
