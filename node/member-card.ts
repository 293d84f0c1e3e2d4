import { join } from 'node:path'
import { nodeCertificationBytes } from '../primitives/genesis.ts'
import type { GenesisMember } from '../primitives/genesis.ts'
import { createSigner } from '../primitives/signature.ts'
import { sealPublicKey } from '../privacy/seal.ts'
import type { KdfParameters } from './keystore-format.ts'
import { newSeed, readKeys, signPublicKey, writeKeys } from './keys.ts'

export interface CardPlan {
  /** Folder with the institution's present governance.json, operator.json and node.json. */
  readonly from: string
  /** Gets the new key files; the others stay where they are. */
  readonly out: string
  /** `node`: new transport and attestation keys (another node, or a rotation); `member`: new governance and operator keys. */
  readonly renew: 'node' | 'member'
  readonly member: number
  readonly node: number
  readonly name: string
  readonly addresses: readonly string[]
  readonly passphrase: string
  readonly cost?: KdfParameters
}

/** Makes the new keys of an institution that takes part already, and its card: what it hands to the members to propose the change. Throws KEYSTORE_*. */
export async function createCard({ from, out, renew, member, node, name, addresses, passphrase, cost }: CardPlan): Promise<GenesisMember> {
  const [governance, operator] = renew === 'member'
    ? [{ governance: newSeed() }, { sign: newSeed(), seal: newSeed() }]
    : [await readKeys(join(from, 'governance.json'), 'governance', passphrase), await readKeys(join(from, 'operator.json'), 'operator', passphrase)]
  const keys = renew === 'node' ? { transport: newSeed(), attestation: newSeed() } : await readKeys(join(from, 'node.json'), 'node', passphrase)
  if (renew === 'member') {
    await writeKeys(join(out, 'governance.json'), 'governance', governance, passphrase, cost)
    await writeKeys(join(out, 'operator.json'), 'operator', operator, passphrase, cost)
  } else await writeKeys(join(out, 'node.json'), 'node', keys, passphrase, cost)
  const publicKeys = { transportKey: signPublicKey(keys.transport), attestationKey: signPublicKey(keys.attestation) }
  const certification = createSigner(governance.governance).sign(nodeCertificationBytes({ member, node, ...publicKeys }))
  return {
    member, name, governanceKey: signPublicKey(governance.governance), operatorKey: signPublicKey(operator.sign), operatorSealKey: sealPublicKey(operator.seal),
    nodes: [{ node, ...publicKeys, addresses: [...addresses], certification }],
  }
}
