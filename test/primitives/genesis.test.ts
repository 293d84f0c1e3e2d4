import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { encode, fromJson, toJson } from '../../primitives/codec.ts'
import { chainIdOf, checkGenesis, genesisAccountId, genesisMemberSet, genesisSchema, nodeCertificationBytes, type Genesis, type GenesisMember, type GenesisNode } from '../../primitives/genesis.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import { bytes32, sampleGenesis, signerOf } from '../../docs/spec/sample-chain.ts'

const genesis = sampleGenesis()
const withMember = (i: number, changes: Partial<GenesisMember>): Genesis => ({ ...genesis, members: genesis.members.map((member, at) => (at === i ? { ...member, ...changes } : member)) })
const withNode = (i: number, changes: Partial<GenesisNode>): Genesis => withMember(i, { nodes: [{ ...genesis.members[i]!.nodes[0]!, ...changes }] })
const withParameters = (changes: Partial<Genesis['parameters']>): Genesis => ({ ...genesis, parameters: { ...genesis.parameters, ...changes } })

/** Members as the first, with nodes whose keys are properly certified. */
function certified(member: number, ids: readonly number[]): GenesisNode[] {
  return ids.map((node) => {
    const keys = { transportKey: signerOf(`t ${node}`).publicKey, attestationKey: signerOf(`a ${node}`).publicKey }
    return { node, ...keys, addresses: [], certification: signerOf(`governance ${member}`).sign(nodeCertificationBytes({ member, node, ...keys })) }
  })
}

t.test('a genesis that contradicts itself is refused with the rule it breaks', async (t) => {
  const first = genesis.members[0]!
  const node = first.nodes[0]!
  const cases: [Genesis, string][] = [
    [{ ...genesis, v: 2 }, 'version must be 1'],
    [{ ...genesis, members: [...genesis.members].reverse() }, 'members are numbered 1, 2, … in order'],
    [{ ...genesis, members: genesis.members.slice(1) }, 'members are numbered 1, 2, … in order'],
    [withMember(1, { name: first.name }), 'member names are distinct'],
    [withNode(1, { node: 1 }), 'node ids are distinct and not 0'],
    [withNode(1, { node: 0 }), 'node ids are distinct and not 0'],
    [withNode(1, { attestationKey: node.attestationKey }), 'node keys are distinct'],
    [withNode(1, { transportKey: node.attestationKey }), 'node keys are distinct'],
    [withMember(1, { nodes: certified(2, [2, 9]) }), 'every member has exactly one node'],
    [withMember(1, { governanceKey: first.governanceKey }), 'governance and operator keys are distinct'],
    [withMember(1, { operatorKey: first.operatorKey }), 'governance and operator keys are distinct'],
    [withMember(0, { operatorKey: first.governanceKey }), 'governance and operator keys are distinct'],
    [withParameters({ blockBytesMax: 2 * 1024 * 1024 }), 'blockBytesMax is from 65536 to 1048576'],
    [withParameters({ blockBytesMax: 1000 }), 'blockBytesMax is from 65536 to 1048576'],
    [withParameters({ blockTransactionsMax: 1001 }), 'blockTransactionsMax is from 1 to 1000'],
    [withParameters({ blockTransactionsMax: 0 }), 'blockTransactionsMax is from 1 to 1000'],
    [withParameters({ replication: 0 }), 'replication is at least 1'],
    [withParameters({ policy: [genesis.parameters.policy[0]!, genesis.parameters.policy[0]!] }), 'the policy names each purpose once'],
    [withNode(2, { certification: new Uint8Array(64) }), 'every node is certified by its member\'s governance key'],
    [withNode(2, { certification: genesis.members[1]!.nodes[0]!.certification }), 'every node is certified by its member\'s governance key'],
    [withNode(2, { transportKey: signerOf('stranger').publicKey }), 'every node is certified by its member\'s governance key'],
  ]
  for (const [bent, rule] of cases) t.throws(() => { checkGenesis(bent) }, { code: 'GENESIS_INVALID', details: { rule } }, rule)
  t.doesNotThrow(() => { checkGenesis(genesis) })
  t.doesNotThrow(() => { checkGenesis(sampleGenesis(1)) }, 'one member is a chain too')
})

t.test('the chain id is the hash of all of it', async (t) => {
  const ids = [genesis, withParameters({ permitMsMax: 1 }), { ...genesis, network: 'other' }, { ...genesis, timeMs: genesis.timeMs + 1n }, withMember(3, { operatorSealKey: bytes32('x') }), withNode(0, { addresses: [] })].map((each) => toHex(chainIdOf(each)))
  t.equal(new Set(ids).size, ids.length)
  const read = fromJson(genesisSchema, JSON.parse(JSON.stringify(toJson(genesisSchema, genesis))))
  t.equal(toHex(chainIdOf(read)), ids[0], 'and survives the way through JSON')
  t.throws(() => fromJson(genesisSchema, { ...(toJson(genesisSchema, genesis) as object), colour: 'blue' }), { code: 'CODEC_VALUE_INVALID', details: { path: 'colour' } })
  t.throws(() => encode(genesisSchema, withNode(0, { addresses: ['no slash'] })), { code: 'CODEC_VALUE_INVALID', details: { path: 'members[0].nodes[0].addresses[0]' } })
})

t.test('accounts and member sets of two chains differ though their members are the same', async (t) => {
  const [a, b] = [chainIdOf(genesis), chainIdOf({ ...genesis, network: 'other' })]
  t.not(toHex(genesisAccountId(a, 1)), toHex(genesisAccountId(b, 1)))
  t.not(toHex(genesisAccountId(a, 1)), toHex(genesisAccountId(a, 2)))
  t.not(toHex(memberSetHash(a, genesisMemberSet(genesis))), toHex(memberSetHash(b, genesisMemberSet(genesis))))
  t.same(genesisMemberSet({ ...genesis, members: [...genesis.members].reverse() }).voters.map(({ node }) => node), [1, 2, 3, 4], 'voters ascend whatever the order of members')
})
