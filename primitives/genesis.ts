import { array, boolean, encode, fixedBytes, oneOf, struct, text, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { domainBytes, hash } from './hash.ts'
import { toHex, u32Bytes } from './bytes.ts'
import { BLOCK_LIMITS } from './block.ts'
import type { MemberSet } from './member-set.ts'
import { SteleError } from './error.ts'
import { TRANSACTION_LIMITS } from './transaction.ts'
import { verify } from './signature.ts'

/** Chain parameters: equal on all nodes, set by genesis, changed by governance in a later version. Bytes, counts, ms. */
export const chainParameters = struct({
  blockBytesMax: u32, blockTransactionsMax: u32, blockCostMax: u32, futureToleranceMs: u32, lifetimeMsMax: u32,
  permitMsMax: u32, replication: u32, proofInterval: u32,
  /** A snapshot of the state is made at every height that is a multiple of `snapshotBlocks`, and when `snapshotBytes` of blocks have come since the last one: at the same heights everywhere, so that any member can serve any part of it. */
  snapshotBlocks: u32, snapshotBytes: u32,
  /** The consortium's own rule beside consent: for each purpose, the certified roles that may ask. A purpose that is not listed is denied. */
  policy: array(struct({ purpose: text({ max: 16, pattern: /^[A-Z]+$/ }), roles: array(text({ max: 24, pattern: /^[a-z-]+$/ }), { max: 16 }), licence: boolean }), { max: 32 }),
})
export type ChainParameters = Infer<typeof chainParameters>

export const DEFAULT_PARAMETERS: ChainParameters = {
  blockBytesMax: 1024 * 1024, blockTransactionsMax: 1000, blockCostMax: 4_000_000, futureToleranceMs: 500, lifetimeMsMax: 600_000,
  permitMsMax: 300_000, replication: 3, proofInterval: 1000, snapshotBlocks: 10_000, snapshotBytes: 64 * 1024 * 1024,
  policy: [
    { purpose: 'TREAT', roles: ['physician', 'nurse', 'pharmacist'], licence: false },
    { purpose: 'ETREAT', roles: ['physician', 'nurse'], licence: false },
    { purpose: 'HRESCH', roles: ['researcher'], licence: false },
    { purpose: 'PUBHLTH', roles: ['researcher'], licence: false },
    { purpose: 'PATRQT', roles: ['physician', 'nurse', 'pharmacist', 'clerk'], licence: false },
  ],
}

const genesisNode = struct({
  node: u32, transportKey: fixedBytes(32), attestationKey: fixedBytes(32),
  /** Multiaddresses at which the other nodes dial this one. */
  addresses: array(text({ max: 256, pattern: /^\/[\x21-\x7e]+$/ }), { max: 8 }),
  /** The member's governance key over this node's keys. */
  certification: fixedBytes(64),
})

const genesisMember = struct({
  member: u32, name: text({ max: 64, pattern: /^[a-z0-9][a-z0-9-]*$/ }),
  /** Offline key that certifies the others and signs recovery. */
  governanceKey: fixedBytes(32),
  /** Signs the institution's own transactions. */
  operatorKey: fixedBytes(32),
  /** X25519 key to which others seal for the institution. */
  operatorSealKey: fixedBytes(32),
  nodes: array(genesisNode, { min: 1, max: 16 }),
})

export const genesisSchema = struct({
  v: u32, network: text({ max: 64, pattern: /^[a-z0-9][a-z0-9-]*$/ }), kind: oneOf('production', 'development'), timeMs: u64,
  parameters: chainParameters, members: array(genesisMember, { min: 1, max: 64 }),
})
export type Genesis = Infer<typeof genesisSchema>
export type GenesisMember = Infer<typeof genesisMember>
export type GenesisNode = Infer<typeof genesisNode>

/** The chain id: hash of the canonical genesis bytes. It is also the parent of block 1. */
export function chainIdOf(genesis: Genesis): Uint8Array {
  return hash('genesis', encode(genesisSchema, genesis))
}

export function genesisAccountId(chain: Uint8Array, member: number): Uint8Array {
  return hash('genesis-account', chain, u32Bytes(member))
}

export function parametersHash(chain: Uint8Array, parameters: ChainParameters): Uint8Array {
  return hash('parameters', chain, encode(chainParameters, parameters))
}

const nodeKeys = struct({ member: u32, node: u32, transportKey: fixedBytes(32), attestationKey: fixedBytes(32) })

/** Bytes under a member's certification of one node's keys. */
export function nodeCertificationBytes(keys: Infer<typeof nodeKeys>): Uint8Array {
  return domainBytes('node-keys', encode(nodeKeys, keys))
}

/** The voters at genesis: the one node of every member, ascending by node id. */
export function genesisMemberSet(genesis: Genesis): MemberSet {
  const voters = genesis.members.flatMap(({ member, governanceKey, nodes }) => nodes.map(({ node, attestationKey }) => ({ node, member, attestationKey, governanceKey })))
  return { epoch: 0, voters: voters.sort((a, b) => a.node - b.node) }
}

type Refuse = (rule: string, details?: Record<string, unknown>) => never

/** Why parameters cannot be in force, as a constant text; undefined when they can. What the formats can hold bounds what a chain may ask for: larger blocks would be cut and then not decode. */
export function parametersFault(parameters: ChainParameters): string | undefined {
  const { blockBytesMax, blockTransactionsMax, policy } = parameters
  if (blockBytesMax < TRANSACTION_LIMITS.transactionBytesMax || blockBytesMax > BLOCK_LIMITS.blockBytesMax) return 'blockBytesMax is from 65536 to 1048576'
  if (blockTransactionsMax < 1 || blockTransactionsMax > BLOCK_LIMITS.transactionsMax) return 'blockTransactionsMax is from 1 to 1000'
  for (const name of ['blockCostMax', 'lifetimeMsMax', 'permitMsMax', 'replication', 'proofInterval', 'snapshotBlocks', 'snapshotBytes'] as const) if (parameters[name] === 0) return `${name} is at least 1`
  return new Set(policy.map(({ purpose }) => purpose)).size === policy.length ? undefined : 'the policy names each purpose once'
}

/** Refuses a genesis that contradicts itself: `GENESIS_INVALID` with the rule. */
export function checkGenesis(genesis: Genesis): void {
  const refuse: Refuse = (rule, details = {}) => {
    throw new SteleError({ code: 'GENESIS_INVALID', message: 'the genesis file contradicts itself', details: { rule, ...details } })
  }
  if (genesis.v !== 1) refuse('version must be 1', { version: genesis.v })
  const nodes = genesis.members.flatMap(({ nodes: own }) => own)
  const distinct = (values: readonly (string | number)[]): boolean => new Set(values).size === values.length
  if (genesis.members.some(({ member }, i) => member !== i + 1)) refuse('members are numbered 1, 2, … in order')
  if (!distinct(genesis.members.map(({ name }) => name))) refuse('member names are distinct')
  if (!distinct(nodes.map(({ node }) => node)) || nodes.some(({ node }) => node === 0)) refuse('node ids are distinct and not 0')
  if (!distinct(nodes.flatMap(({ transportKey, attestationKey }) => [toHex(transportKey), toHex(attestationKey)]))) refuse('node keys are distinct')
  // Quorums count voters and mean members: a member with two nodes would have two votes.
  const several = genesis.members.find(({ nodes: own }) => own.length !== 1)
  if (several !== undefined) refuse('every member has exactly one node', { member: several.member, nodes: several.nodes.length })
  // One institution under two names would count twice wherever members are counted.
  if (!distinct(genesis.members.flatMap(({ governanceKey, operatorKey }) => [toHex(governanceKey), toHex(operatorKey)]))) refuse('governance and operator keys are distinct')
  const fault = parametersFault(genesis.parameters)
  if (fault !== undefined) refuse(fault)
  for (const { member, governanceKey, nodes: own } of genesis.members) {
    for (const { node, transportKey, attestationKey, certification } of own) {
      if (!verify(governanceKey, nodeCertificationBytes({ member, node, transportKey, attestationKey }), certification)) refuse('every node is certified by its member\'s governance key', { member, node })
    }
  }
}
