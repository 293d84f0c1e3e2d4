import { array, bytes, decode, encode, fixedBytes, optional, struct, u64 } from '../primitives/codec.ts'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { sha256 } from '../primitives/hash.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import type { WorldState } from '../state/world-state.ts'
import type { TracedWrite } from './trace.ts'

const METHOD = 'state-digests'
/** Keys asked for at a time. */
const KEYS_MAX = 512

const keysSchema = struct({ keys: array(bytes({ max: 512 }), { max: KEYS_MAX }) })
const digestsSchema = struct({ height: u64, digests: array(optional(fixedBytes(32)), { max: KEYS_MAX }) })

/** Tells other members the digests of what stands under keys at this node's newest durable height, so that one whose root differs finds where. */
export function serveDigests(sync: Pick<SyncProtocol, 'handle'>, world: WorldState): void {
  sync.handle(METHOD, (_from, body) => {
    const { keys } = decode(keysSchema, body)
    const view = world.view()
    const digests = keys.map((key) => {
      const value = view.get(key)
      return value === undefined ? null : sha256(value)
    })
    return Promise.resolve(encode(digestsSchema, { height: BigInt(world.height), digests }))
  })
}

/** Where this node first writes something else than a member that executed the block as the cluster did. */
export interface FirstDifference { readonly position: number; readonly transaction: string | undefined; readonly key: string; readonly askedNode: number; readonly askedHeight: number }

/**
 * Compares what this node writes in a refused block with what a member holds now. Keys that a later block wrote again may differ without fault, so it is asked soon after and the answer
 * names the member's height. Undefined when no written key differs: then this node leaves something out that the others write. Codes: P2P_*, CODEC_*.
 */
export async function firstDifference(writes: readonly TracedWrite[], node: number, sync: Pick<SyncProtocol, 'request'>, signal: AbortSignal): Promise<FirstDifference | undefined> {
  // Of a key written several times only the last value stands; the first transaction that touches a differing key is named.
  const last = new Map(writes.map((write) => [toHex(write.key), write]))
  const keys = [...last.values()].map(({ key }) => key)
  for (let from = 0; from < keys.length; from += KEYS_MAX) {
    const part = keys.slice(from, from + KEYS_MAX)
    const { height, digests } = decode(digestsSchema, await sync.request(node, METHOD, encode(keysSchema, { keys: part }), { signal, maxBytes: 64 * 1024 }))
    if (digests.length !== part.length) throw new SteleError({ code: 'CODEC_VALUE_INVALID', message: 'the answer has another number of digests than there were keys', details: { node } })
    for (const [i, key] of part.entries()) {
      const { value } = last.get(toHex(key))!
      const theirs = digests[i] ?? undefined
      const same = value === undefined ? theirs === undefined : theirs !== undefined && equalBytes(theirs, sha256(value))
      if (same) continue
      const first = writes.find((write) => equalBytes(write.key, key))!
      return { position: first.position, transaction: first.transaction, key: toHex(key), askedNode: node, askedHeight: Number(height) }
    }
  }
  return undefined
}
