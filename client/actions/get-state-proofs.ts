import { equalBytes, toHex } from '../../primitives/bytes.ts'
import { STATE_KEYS_MAX } from '../../primitives/state-bundle.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { clientError } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import { inParallel } from '../parallel.ts'
import { verifyStates } from '../verify-state.ts'

/** Requests under way at once; more would only wait in the node. */
const AT_ONCE = 2

/**
 * What the state holds under many keys, each proven and verified here; for institutions, who check many consents at once. Keys that are asked for together stand at one final height, others may
 * stand at later ones. `onValue` gets each key's value, undefined when nothing stands there. Throws `CLIENT_PROOF_MISMATCH`, PROOF_*, CERTIFICATE_* or what the node refuses with.
 */
export async function getStateProofs(client: Client, keys: readonly Uint8Array[], onValue: (key: Uint8Array, value: Uint8Array | undefined) => void, options: SignedOptions = {}): Promise<void> {
  const groups = Array.from({ length: Math.ceil(keys.length / STATE_KEYS_MAX) }, (_, i) => keys.slice(i * STATE_KEYS_MAX, (i + 1) * STATE_KEYS_MAX))
  await inParallel(groups, AT_ONCE, async (group) => {
    for (let left = group; left.length > 0; ) {
      const { proof } = await client.callSigned('chain_proofs', { keys: left.map(toHex) }, options)
      const { entries } = verifyStates(bytesOf('proof', proof), client.chain)
      for (const [i, { key, value }] of entries.entries()) {
        const asked = left[i]
        if (asked === undefined || !equalBytes(asked, key)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(asked ?? new Uint8Array(0)), proven: toHex(key) } })
        onValue(key, value ?? undefined)
      }
      left = left.slice(entries.length)
    }
  })
}
