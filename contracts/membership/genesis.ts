import { isPurpose } from '../../primitives/calls/purposes.ts'
import { isRole } from '../../primitives/calls/attributes.ts'
import { SteleError } from '../../primitives/error.ts'
import { chainIdOf, genesisAccountId, genesisMemberSet } from '../../primitives/genesis.ts'
import type { ChainParameters, Genesis } from '../../primitives/genesis.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { accounts } from '../identity/accounts.ts'
import type { StateStore } from '../runtime/ports.ts'
import { writerOf } from '../runtime/table.ts'
import { governanceTable, members, memberSets, nodes, parameters, rosterTable } from './tables.ts'

/** The first word of a policy that no purpose or role has: it would deny in silence. */
export function unknownPolicyWord({ policy }: ChainParameters): string | undefined {
  for (const { purpose, roles } of policy) {
    const unknown = isPurpose(purpose) ? roles.find((role) => !isRole(role)) : purpose
    if (unknown !== undefined) return unknown
  }
  return undefined
}

/**
 * Writes the state of height 0: members, nodes, parameters and one institution account per member, whose key is its operator key.
 * `genesis` has passed `checkGenesis`. Throws `GENESIS_STATE_INVALID` when its policy names an unknown purpose or role.
 */
export function genesisState(store: Pick<StateStore, 'get' | 'put' | 'delete'>, genesis: Genesis): void {
  const word = unknownPolicyWord(genesis.parameters)
  if (word !== undefined) throw new SteleError({ code: 'GENESIS_STATE_INVALID', message: 'the policy names a purpose or role that does not exist', details: { word } })
  const chain = chainIdOf(genesis)
  const writer = writerOf(store)
  for (const { member, name, governanceKey, operatorKey, operatorSealKey, nodes: own } of genesis.members) {
    const account = genesisAccountId(chain, member)
    writer.put(members, [member], { name, governanceKey, operatorKey, operatorSealKey, account, nodes: own.map(({ node }) => node) })
    writer.put(accounts, [account], {
      kind: 'institution', member, suspended: false, createdHeight: 0n,
      signKeys: [{ key: ed25519KeyId(operatorKey), from: 0n }], sealKeys: [{ key: operatorSealKey, from: 0n }],
    })
    for (const { node, transportKey, attestationKey, addresses } of own) writer.put(nodes, [node], { member, transportKey, attestationKey, addresses })
  }
  const ids = genesis.members.flatMap(({ nodes: own }) => own.map(({ node }) => node)).sort((a, b) => a - b)
  writer.put(rosterTable, [], { epoch: 0, members: genesis.members.map(({ member }) => member), nodes: ids, learners: [], outgoing: [] })
  writer.put(parameters, [], genesis.parameters)
  writer.put(governanceTable, [], { nextMember: genesis.members.length + 1, nextNode: ids.at(-1)! + 1, proposals: 0, sets: 1, open: null, change: null })
  writer.put(memberSets, [0], { from: 1n, set: genesisMemberSet(genesis) })
}
