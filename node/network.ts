import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { randomBytes } from 'node:crypto'
import { chainIdOf, checkGenesis, DEFAULT_PARAMETERS } from '../primitives/genesis.ts'
import type { ChainParameters, Genesis, GenesisMember } from '../primitives/genesis.ts'
import { writeGenesis } from './genesis-file.ts'
import type { KdfParameters } from './keystore-format.ts'
import { createMemberKeys, writeMemberConfigs } from './member-keys.ts'

/** Where one node of a new network listens. */
export interface NodePlan { readonly p2p: number; readonly rpc: number; readonly admin: number; readonly host: string }
export interface MemberPlan { readonly name: string; readonly node: NodePlan }

export interface NetworkPlan {
  readonly network: string
  readonly kind: Genesis['kind']
  readonly directory: string
  readonly members: readonly MemberPlan[]
  readonly timeMs: number
  readonly parameters?: Partial<ChainParameters>
  readonly cost?: KdfParameters
}

/** Paths of one member of a new network. `config` starts its node, `custodian` its custodian. */
export interface MemberFiles { readonly member: number; readonly name: string; readonly folder: string; readonly config: string; readonly custodian: string; readonly passphraseFile: string; readonly node: NodePlan }
export interface NetworkFiles { readonly genesis: Genesis; readonly chain: Uint8Array; readonly genesisPath: string; readonly members: readonly MemberFiles[] }

/**
 * Makes a network in one place: keys of every member, one node each, genesis and configuration files. For trials and development; institutions
 * that do not trust one machine with all keys run `keygen` each and then compose genesis with `init --member`.
 */
export async function createNetwork(plan: NetworkPlan): Promise<NetworkFiles> {
  mkdirSync(plan.directory, { recursive: true, mode: 0o700 })
  const genesisPath = join(plan.directory, 'genesis.json')
  const made = []
  for (const [i, member] of plan.members.entries()) made.push(await createMember(plan, member, i + 1, genesisPath))
  const genesis: Genesis = { v: 1, network: plan.network, kind: plan.kind, timeMs: BigInt(plan.timeMs), parameters: { ...DEFAULT_PARAMETERS, ...plan.parameters }, members: made.map(({ entry }) => entry) }
  checkGenesis(genesis)
  writeGenesis(genesisPath, genesis)
  return { genesis, chain: chainIdOf(genesis), genesisPath, members: made.map(({ files }) => files) }
}

async function createMember(plan: NetworkPlan, { name, node }: MemberPlan, member: number, genesisPath: string): Promise<{ entry: GenesisMember; files: MemberFiles }> {
  const folder = join(plan.directory, name)
  mkdirSync(folder, { mode: 0o700 })
  const passphrase = randomBytes(24).toString('base64url')
  const passphraseFile = join(folder, 'passphrase')
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600, flag: 'wx' })
  const { host, p2p, rpc, admin } = node
  const address = `/ip4/${host}/tcp/${p2p}`
  const entry = await createMemberKeys({ folder, member, node: member, name, addresses: [address], passphrase, ...(plan.cost === undefined ? {} : { cost: plan.cost }) })
  const { config, custodian } = writeMemberConfigs({
    folder, member, node: member, genesis: relative(folder, genesisPath), passphraseFile: 'passphrase', listen: [address], rpc: { host, port: rpc }, admin: { host, port: admin },
    specificationExamples: plan.kind === 'development',
  })
  return { entry, files: { member, name, folder, config, custodian, passphraseFile, node } }
}
