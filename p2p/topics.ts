import { toHex } from '../primitives/bytes.ts'

/** What is gossiped: batches of signed transactions, attestations, and alerts with their evidence. */
export const GOSSIP_KINDS = ['tx', 'attestation', 'alert'] as const
export type GossipKind = (typeof GOSSIP_KINDS)[number]

/** `/stele/<first 4 bytes of the chain id, hex>/<kind>/1`. Another chain or another version of the content is another topic. */
export function topicOf(chain: Uint8Array, kind: GossipKind): string {
  return `/stele/${toHex(chain.subarray(0, 4))}/${kind}/1`
}
