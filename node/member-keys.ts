import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { nodeCertificationBytes } from '../primitives/genesis.ts'
import type { GenesisMember } from '../primitives/genesis.ts'
import { createSigner } from '../primitives/signature.ts'
import { sealPublicKey } from '../privacy/seal.ts'
import type { KdfParameters } from './keystore-format.ts'
import { newSeed, signPublicKey, writeKeys } from './keys.ts'

export interface MemberKeysPlan {
  /** Holds the key files afterwards; must exist. */
  readonly folder: string
  /** The member's place in genesis, from 1, and its node's id. */
  readonly member: number
  readonly node: number
  readonly name: string
  /** Multiaddresses at which the other nodes dial this one. */
  readonly addresses: readonly string[]
  readonly passphrase: string
  readonly cost?: KdfParameters
}

/**
 * Makes the keys of one institution and its node: `governance.json` (offline: it certifies the node), `operator.json` (signs the institution's transactions) and `node.json`
 * (transport and attestation), each encrypted under the passphrase. Returns what genesis holds of it: public keys and the certified node. Throws `KEYSTORE_EXISTS`.
 */
export async function createMemberKeys({ folder, member, node, name, addresses, passphrase, cost }: MemberKeysPlan): Promise<GenesisMember> {
  const governance = { governance: newSeed() }
  const operator = { sign: newSeed(), seal: newSeed() }
  const keys = { transport: newSeed(), attestation: newSeed() }
  await writeKeys(join(folder, 'governance.json'), 'governance', governance, passphrase, cost)
  await Promise.all([writeKeys(join(folder, 'operator.json'), 'operator', operator, passphrase, cost), writeKeys(join(folder, 'node.json'), 'node', keys, passphrase, cost)])
  const publicKeys = { transportKey: signPublicKey(keys.transport), attestationKey: signPublicKey(keys.attestation) }
  const certification = createSigner(governance.governance).sign(nodeCertificationBytes({ member, node, ...publicKeys }))
  return {
    member, name, governanceKey: signPublicKey(governance.governance), operatorKey: signPublicKey(operator.sign), operatorSealKey: sealPublicKey(operator.seal),
    nodes: [{ node, ...publicKeys, addresses: [...addresses], certification }],
  }
}

/** What the configuration files of one institution's node and custodian are written from. Paths as they shall stand in the files. */
export interface MemberConfigPlan {
  readonly folder: string
  readonly member: number
  readonly node: number
  readonly genesis: string
  readonly passphraseFile?: string
  readonly listen: readonly string[]
  readonly rpc: { readonly host: string; readonly port: number }
  readonly admin: { readonly host: string; readonly port: number }
  /** Serves the methods of the JSON-RPC specification's examples: development networks only. */
  readonly specificationExamples?: boolean
  /** For a node that joins a running chain: where its file of peers is. */
  readonly peers?: string
}

/** Writes `config.yaml` and `custodian.yaml`; returns their paths. Never overwrites: `EEXIST`. */
export function writeMemberConfigs({ folder, member, node, genesis, passphraseFile, listen, rpc, admin, specificationExamples, peers }: MemberConfigPlan): { readonly config: string; readonly custodian: string } {
  const passphrase = passphraseFile === undefined ? {} : { passphraseFile }
  const config = join(folder, 'config.yaml')
  const custodian = join(folder, 'custodian.yaml')
  writeFileSync(config, stringify({
    version: 1, node, genesis, dataDir: 'data', keystore: 'node.json', ...passphrase,
    p2p: { listen: [...listen], ...(peers === undefined ? {} : { peers }) }, rpc: { ...rpc, ...(specificationExamples === true && { specificationExamples }) }, admin,
  }), { flag: 'wx' })
  writeFileSync(custodian, stringify({ version: 1, member, genesis, rpc: `http://${rpc.host}:${rpc.port}`, operator: 'operator.json', ...passphrase, dataDir: 'custodian' }), { flag: 'wx' })
  return { config, custodian }
}

export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
}
