import { array, bytes, decode, encode, fixedBytes, struct, u32, u64 } from '../primitives/codec.ts'
import { decodeBlock } from '../primitives/block.ts'
import { finalitySchema } from '../primitives/receipt.ts'
import type { Finality } from '../primitives/receipt.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import type { Ledger } from '../state/ledger.ts'
import type { ChainStore } from './chain-store.ts'

/** Methods of the sync protocol that other members' repair asks. */
export const SYNC_METHODS = { entries: 'ledger-entries', placed: 'ledger-placed', finality: 'ledger-finality', header: 'ledger-header' } as const

/** Entries of one answer at most, and bytes read from the ledger at a time. */
const ENTRIES_MAX = 4096
const READ_BYTES_MAX = 4 * 1024 * 1024
const NO_HASH = new Uint8Array(32)

/** Both inclusive; at most `ENTRIES_MAX` are answered, from the first on. */
const rangeSchema = struct({ from: u64, to: u64 })
const heightSchema = struct({ height: u64 })
const headerSchema = struct({ header: bytes({ max: 2048 }), signature: fixedBytes(64) })
const entrySchema = struct({ index: u64, term: u32, change: u32, data: bytes({ max: 1_300_000 }) })
const placedSchema = struct({ committed: u64, entries: array(struct({ index: u64, term: u32, hash: fixedBytes(32) }), { max: ENTRIES_MAX }) })

/** An entry as another member holds it; nothing about it is checked yet. */
export interface OfferedEntry { readonly index: number; readonly term: number; readonly kind: 'normal' | 'change'; readonly data: Uint8Array }

/** What stands at an index of another member's log: term, and block hash or zeros for a no-op. */
export interface PlacedEntry { readonly index: number; readonly term: number; readonly hash: Uint8Array }

export interface BlockServerPorts {
  readonly sync: Pick<SyncProtocol, 'handle'>
  readonly ledger: Ledger
  readonly store: Pick<ChainStore, 'finality'>
  /** Proof for a change of voters whose own certificate the store no longer has. */
  readonly finalityOfChange?: (height: number) => Promise<Finality | undefined>
  readonly committedIndex: () => number
}

/** Serves entries, their places and their proofs of finality to members that repair themselves. Only a node whose stores are whole starts it. */
export function serveBlocks({ sync, ledger, store, finalityOfChange = () => Promise.resolve(undefined), committedIndex }: BlockServerPorts): void {
  sync.handle(SYNC_METHODS.entries, (_from, body) => entriesOf(ledger, decode(rangeSchema, body)))
  sync.handle(SYNC_METHODS.placed, (_from, body) => Promise.resolve(placesOf(ledger, committedIndex(), decode(rangeSchema, body))))
  sync.handle(SYNC_METHODS.finality, async (_from, body) => {
    const height = Number(decode(heightSchema, body).height)
    const stored = store.finality(height)
    // A change of voters must be certified itself: a later certificate does not help whoever lacks its own.
    const finality = stored?.descendant === null ? stored : await finalityOfChange(height) ?? stored
    return finality === undefined ? new Uint8Array(0) : encode(finalitySchema, finality)
  })
  sync.handle(SYNC_METHODS.header, (_from, body) => {
    const signed = signedHeaderAt(ledger, Number(decode(heightSchema, body).height))
    return Promise.resolve(signed === undefined ? new Uint8Array(0) : encode(headerSchema, signed))
  })
}

/** A header with its proposer's signature. */
export interface SignedHeader { readonly header: Uint8Array; readonly signature: Uint8Array }

/** The header that this node's ledger holds at a height, committed or not; undefined for none. */
export function signedHeaderAt(ledger: Ledger, height: number): SignedHeader | undefined {
  const index = ledger.indexOfHeight(height)
  const entry = index === undefined ? undefined : ledger.entry(index)
  if (entry === undefined || entry.data.length === 0) return undefined
  const { header, signature } = decodeBlock(entry.data)
  return { header, signature }
}

interface Range { readonly from: bigint; readonly to: bigint }

/** The part of a range that is in the log and fits into one answer. */
function within({ from, to }: Range, last: number): { first: number; end: number } {
  const first = Number(from)
  if (first < 1 || from > to) return { first: 1, end: 1 }
  return { first, end: Math.min(Number(to), last, first + ENTRIES_MAX - 1) + 1 }
}

async function* entriesOf(ledger: Ledger, range: Range): AsyncGenerator<Uint8Array> {
  const { first, end } = within(range, ledger.lastIndex())
  // The log may be cut while the receiver takes its time.
  for (let index = first; index < Math.min(end, ledger.lastIndex() + 1);) {
    for (const { index: at, term, kind, data } of ledger.entries(index, Math.min(end, ledger.lastIndex() + 1), READ_BYTES_MAX)) {
      yield encode(entrySchema, { index: BigInt(at), term, change: Number(kind === 'change'), data })
      index = at + 1
    }
  }
}

function placesOf(ledger: Ledger, committed: number, range: Range): Uint8Array {
  const { first, end } = within(range, Math.min(committed, ledger.lastIndex()))
  const entries = []
  for (let index = first; index < end; index++) {
    const { term, hash } = ledger.entry(index)!
    entries.push({ index: BigInt(index), term, hash: hash ?? NO_HASH })
  }
  return encode(placedSchema, { committed: BigInt(committed), entries })
}

/** Asks other members for what `serveBlocks` serves. Every answer is decoded strictly and bounded; what it claims is for the caller to check. */
export class BlockSource {
  readonly #sync: Pick<SyncProtocol, 'request' | 'stream'>
  /** All voters but this node. */
  readonly nodes: readonly number[]

  constructor(sync: Pick<SyncProtocol, 'request' | 'stream'>, nodes: readonly number[]) {
    this.#sync = sync
    this.nodes = nodes
  }

  /** Entries `from` to `to`, both inclusive, ascending without a gap from `from` on; fewer when the node has fewer. Codes: P2P_*, CODEC_*. */
  async *entries(node: number, from: number, to: number, signal: AbortSignal): AsyncGenerator<OfferedEntry> {
    let next = from
    while (next <= to) {
      const before = next
      for await (const item of this.#sync.stream(node, SYNC_METHODS.entries, encode(rangeSchema, { from: BigInt(next), to: BigInt(to) }), { signal })) {
        const { index, term, change, data } = decode(entrySchema, item)
        if (Number(index) !== next || next > to) return
        next++
        yield { index: Number(index), term, kind: change === 1 ? 'change' : 'normal', data }
      }
      if (next === before) return
    }
  }

  /** What the node has committed at `from` to `to`; shorter when it has committed less, or beyond 4,096 entries. Codes: P2P_*, CODEC_*. */
  async placed(node: number, from: number, to: number, signal: AbortSignal): Promise<readonly PlacedEntry[]> {
    const answer = await this.#sync.request(node, SYNC_METHODS.placed, encode(rangeSchema, { from: BigInt(from), to: BigInt(to) }), { signal, maxBytes: 512 * 1024 })
    const { entries } = decode(placedSchema, answer)
    const placed = entries.map(({ index, term, hash }) => ({ index: Number(index), term, hash }))
    return placed.every(({ index }, i) => index === from + i && index <= to) ? placed : []
  }

  /** Proof that the block at `height` is final, unverified; undefined when the node has none. Codes: P2P_*, CODEC_*. */
  async finality(node: number, height: number, signal: AbortSignal): Promise<Finality | undefined> {
    const answer = await this.#sync.request(node, SYNC_METHODS.finality, encode(heightSchema, { height: BigInt(height) }), { signal, maxBytes: 64 * 1024 })
    return answer.length === 0 ? undefined : decode(finalitySchema, answer)
  }

  /** The header another node holds at a height, with its proposer's signature, unverified; undefined when it has none. Codes: P2P_*, CODEC_*. */
  async header(node: number, height: number, signal: AbortSignal): Promise<SignedHeader | undefined> {
    const answer = await this.#sync.request(node, SYNC_METHODS.header, encode(heightSchema, { height: BigInt(height) }), { signal, maxBytes: 4096 })
    return answer.length === 0 ? undefined : decode(headerSchema, answer)
  }
}
