import t from 'tap'
import { chainIdOf, DEFAULT_PARAMETERS, genesisAccountId, genesisMemberSet } from '../../primitives/genesis.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { genesisState, readAccount, readerOf, readMember, readMemberSet, readNode, readParameters, readRoster } from '../../contracts/index.ts'
import { signerOf, testGenesis } from '../helpers/contract-world.ts'
import { MemoryState } from '../helpers/memory-state.ts'

t.test('a policy with an unknown purpose or role does not start a chain', async (t) => {
  for (const policy of [[{ purpose: 'CURIOSITY', roles: [], licence: false }], [{ purpose: 'TREAT', roles: ['wizard'], licence: false }], [{ purpose: 'TREAT', roles: ['constructor'], licence: false }]]) {
    const state = new MemoryState()
    t.throws(() => { genesisState(state, testGenesis(3, { ...DEFAULT_PARAMETERS, policy })) }, { code: 'GENESIS_STATE_INVALID' })
    t.equal(state.entries.size, 0)
  }
})

t.test('a state without genesis says so', async (t) => {
  const reader = readerOf(new MemoryState())
  t.throws(() => readParameters(reader), { code: 'STATE_INCOMPLETE' })
  t.throws(() => readRoster(reader), { code: 'STATE_INCOMPLETE' })
})

t.test('genesis puts members, nodes, parameters and institution accounts into the state', async (t) => {
  const genesis = testGenesis(4)
  const chain = chainIdOf(genesis)
  const state = new MemoryState()
  genesisState(state, genesis)
  const reader = readerOf(state)
  t.same(readParameters(reader), DEFAULT_PARAMETERS)
  t.same(readMemberSet(reader), genesisMemberSet(genesis))
  t.match(readRoster(reader), { epoch: 0, members: [1, 2, 3, 4], nodes: [1, 2, 3, 4] })
  t.match(readMember(reader, 2), { name: 'clinic-2', nodes: [2], account: genesisAccountId(chain, 2) })
  t.match(readNode(reader, 3), { member: 3, attestationKey: signerOf('node 3').publicKey })
  t.equal(readMember(reader, 5), undefined)
  t.equal(readNode(reader, 0), undefined)
  t.match(readAccount(reader, genesisAccountId(chain, 4)), { kind: 'institution', member: 4, suspended: false, signKeys: [{ key: ed25519KeyId(signerOf('operator 4').publicKey), from: 0n }] })
})

t.test('two nodes with one genesis start from the same bytes', async (t) => {
  const dump = (): string => {
    const state = new MemoryState()
    genesisState(state, testGenesis(3))
    return state.dump()
  }
  t.equal(dump(), dump())
})

t.test('what a reader hands out cannot be changed in place: the next block would read the change', async (t) => {
  const state = new MemoryState()
  genesisState(state, testGenesis(3))
  const roster = readRoster(readerOf(state))
  t.throws(() => { roster.nodes.reverse() }, TypeError)
  t.same(readRoster(readerOf(state)).nodes, [1, 2, 3])
})
