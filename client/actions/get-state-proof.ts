import { stateKeyOf, type StateSubject } from '../../primitives/state-key.ts'
import { toHex } from '../../primitives/bytes.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { bytesOf } from '../hex.ts'
import { verifyState, type StateReport } from '../verify-state.ts'

/** A verified fact about the state, with the bytes that prove it to anyone who has the genesis. */
export interface StateFact extends StateReport { readonly bundle: Uint8Array }

/**
 * What the state holds about an account, consent, record or member, or under a key, at the newest final height. The key is computed here and the proof verified before it
 * is returned: a node can withhold an answer, not invent one. Throws `CLIENT_PROOF_MISMATCH`, PROOF_*, CERTIFICATE_* or what the node refuses with.
 */
export async function getStateProof(client: Client, about: StateSubject | { readonly key: Uint8Array }, options: SignedOptions = {}): Promise<StateFact> {
  const key = 'key' in about ? about.key : stateKeyOf(about)
  const { proof } = await client.callSigned('chain_proof', { key: toHex(key) }, options)
  const bundle = bytesOf('proof', proof)
  return { ...verifyState(bundle, client.chain, { key }), bundle }
}
