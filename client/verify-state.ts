import { equalBytes, toHex } from '../primitives/bytes.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { verifyStateBundle, verifyStateBundles } from '../primitives/state-bundle.ts'
import { clientError } from './errors.ts'
import { anchorOf, type TrustAnchor } from './trust-anchor.ts'

/** What a valid state proof shows: what stood under `key` after block `height`. Times are ms. */
export interface StateReport {
  readonly key: Uint8Array
  /** Undefined: nothing stood there. Absence is proven like presence. */
  readonly value: Uint8Array | undefined
  readonly height: number
  readonly timeMs: number
  readonly header: BlockHeader
  /** Height of the certified block: the proven one, or a later one in whose history it stands. */
  readonly certifiedHeight: number
}

/**
 * Verifies a state bundle with no node and no network: leaf → path → state root → header → (ancestor of a certified header) → attestations of a quorum.
 * `about`: the key that was asked for; a valid proof of another key is refused with `CLIENT_PROOF_MISMATCH`. Throws CODEC_*, PROOF_* or CERTIFICATE_*.
 */
export function verifyState(bundleBytes: Uint8Array, anchor: TrustAnchor, { key }: { readonly key?: Uint8Array } = {}): StateReport {
  const trusted = anchorOf(anchor)
  const { bundle, header } = verifyStateBundle(trusted.id, trusted.members, bundleBytes)
  if (key !== undefined && !equalBytes(bundle.key, key)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(key), proven: toHex(bundle.key) } })
  return {
    key: bundle.key, value: bundle.value ?? undefined, height: Number(header.height), timeMs: Number(header.timeMs), header,
    certifiedHeight: Number(bundle.finality.certificate.content.height),
  }
}

/** As `verifyState`, for the keys of one bundle: one certificate, a path for each. Throws CODEC_*, PROOF_* or CERTIFICATE_*. */
export function verifyStates(bundleBytes: Uint8Array, anchor: TrustAnchor): ReturnType<typeof verifyStateBundles> {
  const { id, members } = anchorOf(anchor)
  return verifyStateBundles(id, members, bundleBytes)
}
