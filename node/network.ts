import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { stringify } from 'yaml'
import { chainIdOf, checkGenesis, DEFAULT_PARAMETERS, nodeCertificationBytes } from '../primitives/genesis.ts'
import type { ChainParameters, Genesis, GenesisMember } from '../primitives/genesis.ts'
import { createSigner } from '../primitives/signature.ts'
import { sealPublicKey } from '../privacy/seal.ts'
import { writeGenesis } from './genesis-file.ts'
import { newSeed, signPublicKey, writeKeys } from './keys.ts'
import type { KdfParameters } from './keystore-format.ts'

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
  const governance = { governance: newSeed() }
  const operator = { sign: newSeed(), seal: newSeed() }
  const keys = { transport: newSeed(), attestation: newSeed() }
  await Promise.all([
    writeKeys(join(folder, 'governance.json'), 'governance', governance, passphrase, plan.cost),
    writeKeys(join(folder, 'operator.json'), 'operator', operator, passphrase, plan.cost),
    writeKeys(join(folder, 'node.json'), 'node', keys, passphrase, plan.cost),
  ])
  const config = join(folder, 'config.yaml')
  writeFileSync(config, nodeConfig(member, node, genesisPath), { flag: 'wx' })
  const custodian = join(folder, 'custodian.yaml')
  writeFileSync(custodian, custodianConfig(member, node, genesisPath), { flag: 'wx' })
  const publicKeys = { transportKey: signPublicKey(keys.transport), attestationKey: signPublicKey(keys.attestation) }
  const certification = createSigner(governance.governance).sign(nodeCertificationBytes({ member, node: member, ...publicKeys }))
  const entry: GenesisMember = {
    member, name, governanceKey: signPublicKey(governance.governance), operatorKey: signPublicKey(operator.sign), operatorSealKey: sealPublicKey(operator.seal),
    nodes: [{ node: member, ...publicKeys, addresses: [`/ip4/${node.host}/tcp/${node.p2p}`], certification }],
  }
  return { entry, files: { member, name, folder, config, custodian, passphraseFile, node } }
}

function nodeConfig(node: number, { host, p2p, rpc, admin }: NodePlan, genesis: string): string {
  return stringify({
    version: 1, node, genesis, dataDir: 'data', keystore: 'node.json', passphraseFile: 'passphrase',
    p2p: { listen: [`/ip4/${host}/tcp/${p2p}`] }, rpc: { host, port: rpc, specificationExamples: true }, admin: { host, port: admin },
  })
}

function custodianConfig(member: number, { host, rpc }: NodePlan, genesis: string): string {
  return stringify({ version: 1, member, genesis, rpc: `http://${host}:${rpc}`, operator: 'operator.json', passphraseFile: 'passphrase', dataDir: 'custodian' })
}
