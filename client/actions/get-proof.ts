import { toHex } from '../../primitives/bytes.ts'
import { stateKeyOf, type StateSubject } from '../../primitives/state-key.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { verifyProof, type ProofReport } from '../verify-proof.ts'

/** What to prove: a transaction, a thing in the state, or both in one file. */
export interface ProofRequest {
  readonly transaction?: Uint8Array
  readonly state?: StateSubject | { readonly key: Uint8Array }
  /** Hash of a final block the verifier pins: the proof then begins there instead of at genesis. */
  readonly checkpoint?: Uint8Array
}

/** A proof as it should be saved, byte for byte, with what it says. */
export interface Proof { readonly text: string; readonly report: ProofReport }

/**
 * Fetches one file that proves to anybody, offline, what a transaction did or what the state holds under a key (or that it holds nothing), and verifies it before it is returned.
 * State needs an account that may read it. Throws `CLIENT_PROOF_MISMATCH`, PROOF_*, CERTIFICATE_*, CODEC_* or what the node refuses with.
 */
export async function getProof(client: Client, { transaction, state, checkpoint }: ProofRequest, options: SignedOptions = {}): Promise<Proof> {
  const key = state === undefined ? undefined : 'key' in state ? state.key : stateKeyOf(state)
  const params = {
    ...(transaction && { transaction: toHex(transaction) }), ...(key && { key: toHex(key) }), ...(checkpoint && { checkpoint: toHex(checkpoint) }),
  }
  const { account: _, ...unsigned } = options
  const { bundle } = await (key === undefined ? client.call('chain_bundle', params, unsigned) : client.callSigned('chain_bundle', params, options))
  const anchor = checkpoint === undefined ? { chain: client.chain.id, members: client.chain.periods[0]!.set } : { checkpoint }
  return { text: bundle, report: verifyProof(bundle, anchor, { ...(transaction && { transaction }), ...(key && { key }) }) }
}
