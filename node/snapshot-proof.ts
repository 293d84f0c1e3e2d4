import { equalBytes } from '../primitives/bytes.ts'
import { decode, encode, struct } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { followLinks, memberSetAt, memberSetLinks } from '../primitives/member-history.ts'
import type { MemberPeriod, MemberSetLink } from '../primitives/member-history.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import { finalitySchema, verifyFinality } from '../primitives/receipt.ts'
import { invalidSnapshot } from '../state/snapshot-format.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import type { ChainRules } from './chain-rules.ts'
import type { ChainStore } from './chain-store.ts'

/** What proves a snapshot to somebody who knows genesis alone: its block is final by a certificate, and every step from the first members to those that made it. */
export const snapshotProof = struct({ finality: finalitySchema, links: memberSetLinks })
export type SnapshotProof = Infer<typeof snapshotProof>

export const PROOF_BYTES_MAX = 8 * 1024 * 1024

/** The proof of the snapshot at `height`; undefined until its block is final. `known`: the steps of an older snapshot, whose blocks may be pruned since. */
export function buildProof(height: number, store: ChainStore, rules: ChainRules, known: readonly MemberSetLink[]): SnapshotProof | undefined {
  const finality = store.finality(height)
  if (finality === undefined) return undefined
  const certified = finality.certificate.content.height
  const links = rules.periods.slice(1).filter(({ from }) => from <= certified).map(({ from, set }, i) => known[i] ?? linkAt(Number(from) - 1, set, store))
  return links.some((link) => link === undefined) ? undefined : { finality, links: links as MemberSetLink[] }
}

/** The step that the block at `height` makes; it is certified itself (DESIGN §5.7). */
function linkAt(height: number, set: MemberSet, store: ChainStore): MemberSetLink | undefined {
  const finality = store.finality(height)
  const block = store.block(height)
  if (finality === undefined || block === undefined || finality.descendant !== null) return undefined
  return { kind: 'change', value: { header: block.envelope.header, certificate: finality.certificate, set } }
}

export const encodeProof = (proof: SnapshotProof): Uint8Array => encode(snapshotProof, proof)

/** Checks that the snapshot's block is final, from a trusted set on. Returns the proof and the voters of the snapshot's height. Throws `SNAPSHOT_INVALID`, CERTIFICATE_*, HISTORY_*, PROOF_* or CODEC_*. */
export function checkProof({ manifest, header, block }: ReadManifest, bytes: Uint8Array, chain: Uint8Array, trusted: MemberPeriod): SnapshotProof & { readonly set: MemberSet } {
  const proof = decode(snapshotProof, bytes, { maxBytes: PROOF_BYTES_MAX })
  const periods = followLinks(chain, trusted, proof.links)
  const { content } = proof.finality.certificate
  verifyFinality(chain, memberSetAt(periods, content.epoch, content.height).set, manifest.header, proof.finality)
  if (proof.finality.descendant === null && !equalBytes(content.block, block)) throw invalidSnapshot('the certificate is for the snapshot\'s block')
  return { ...proof, set: memberSetAt(periods, header.epoch, header.height).set }
}
