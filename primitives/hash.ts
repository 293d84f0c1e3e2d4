import { sha256, sha256Hex, sha256Into, sha256Stream } from '#hash'
import { borrowJoined, concatBytes, utf8Bytes } from './bytes.ts'

export { sha256, sha256Hex, sha256Into, sha256Stream }

/** What a hash or signature is for. Every hashed or signed byte string starts with one of these, so no value of one kind is ever taken for another. */
export const DOMAINS = [
  'genesis', 'genesis-account', 'node-keys', 'member-set', 'parameters',
  'tx-id', 'tx-sign', 'block-header', 'header-sign', 'attestation', 'vote',
  'storage-receipt', 'blob', 'section', 'details', 'signed-head', 'rpc-request', 'record-key', 'deny-basis', 'replay-minute', 'snapshot',
  'ballot', 'recovery', 'proof-bundle',
  'selection', 'original-row', 'row-opening', 'joint-session', 'joint-message', 'aggregate', 'release-document', 'dataset-definition', 'anonymized-release', 'overlap-part', 'contribution', 'aggregate-query', 'aggregate-mask', 'linkage',
] as const
export type Domain = (typeof DOMAINS)[number]

const prefixes = new Map<Domain, Uint8Array>()

/** `length ‖ "stele/<domain>/v1"`: the length byte makes prefixes of different domains impossible to confuse. */
export function domainPrefix(domain: Domain): Uint8Array {
  let prefix = prefixes.get(domain)
  if (prefix === undefined) {
    const name = utf8Bytes(`stele/${domain}/v1`)
    prefix = concatBytes(Uint8Array.of(name.length), name)
    prefixes.set(domain, prefix)
  }
  return prefix
}

/** The bytes that are signed or hashed: domain prefix ‖ parts, in order. All parts but the last have a fixed length at every caller. */
export function domainBytes(domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(domainPrefix(domain), ...parts)
}

/** Domain-separated SHA-256, 32 bytes. */
export function hash(domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array {
  return hashInto(new Uint8Array(32), domain, ...parts)
}

/** The same, written into `target` of 32 bytes, which it returns. */
export function hashInto(target: Uint8Array, domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array {
  sha256Into(borrowJoined(domainPrefix(domain), ...parts), target, 0)
  return target
}
