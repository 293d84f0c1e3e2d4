import { SteleError } from '../../primitives/error.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import type { Registry } from './registry.ts'
import { bytesToText } from '../../primitives/bytes.ts'

const MINUTE_MS = 60_000n
/** Live ids a chain keeps at most; more are refused, never evicted (DESIGN §5.5). About 80 bytes of memory each. */
export const LIVE_IDS_MAX = 4_000_000

export function minuteOf(timeMs: bigint): bigint {
  return timeMs / MINUTE_MS
}

/** One bit for each value of the first 20 bits of an id: 128 KiB. */
const MARKS_BYTES = 2 ** 20 / 8

/**
 * Which ids may have been seen, by the minute in which they expire: a bit that is not set says for certain that an id is new, as nearly every one is. That answer costs a look at a byte;
 * the exact one takes a text of the id and a search through every layer. What a dropped layer marked stays marked, which only means a search in vain.
 */
class Marks {
  private readonly minutes = new Map<bigint, Uint8Array>()

  add(key: string, minute: bigint): void {
    let marks = this.minutes.get(minute)
    if (marks === undefined) this.minutes.set(minute, (marks = new Uint8Array(MARKS_BYTES)))
    const at = placeOf(key.charCodeAt(0), key.charCodeAt(1), key.charCodeAt(2))
    marks[at >> 3] = marks[at >> 3]! | (1 << (at & 7))
  }

  mayHold(id: Uint8Array, minute: bigint): boolean {
    const at = placeOf(id[0]!, id[1]!, id[2]!)
    return ((this.minutes.get(minute)?.[at >> 3] ?? 0) & (1 << (at & 7))) !== 0
  }

  prune(timeMs: bigint): void {
    const minute = minuteOf(timeMs)
    for (const at of this.minutes.keys()) if (at < minute) this.minutes.delete(at)
  }
}

/** The first 20 bits, of the first three bytes. */
function placeOf(first: number, second: number, third: number): number {
  return (first << 12) | (second << 4) | (third >> 4)
}

/** Ids and claims of a stretch of blocks, grouped by the minute in which they expire, so that forgetting a minute is one step. */
class Entries {
  readonly ids = new Map<bigint, Set<string>>()
  readonly claims = new Map<bigint, Map<string, bigint>>()
  /** All ids, those included that have expired and are not pruned yet. */
  held = 0

  addId(key: string, minute: bigint): void {
    let bucket = this.ids.get(minute)
    if (bucket === undefined) this.ids.set(minute, (bucket = new Set()))
    const before = bucket.size
    bucket.add(key)
    this.held += bucket.size - before
  }

  addClaim(key: string, until: bigint): void {
    const minute = minuteOf(until)
    let bucket = this.claims.get(minute)
    if (bucket === undefined) this.claims.set(minute, (bucket = new Map()))
    const known = bucket.get(key)
    if (known === undefined || known < until) bucket.set(key, until)
  }

  /** The latest end of the claims on `key`. */
  claimEnd(key: string): bigint {
    let end = 0n
    for (const bucket of this.claims.values()) {
      const until = bucket.get(key)
      if (until !== undefined && until > end) end = until
    }
    return end
  }

  /** Ids that expire in `minute` or later. */
  countFrom(minute: bigint): number {
    let count = 0
    for (const [at, bucket] of this.ids) if (at >= minute) count += bucket.size
    return count
  }

  prune(timeMs: bigint): void {
    const minute = minuteOf(timeMs)
    for (const [at, bucket] of this.ids) {
      if (at >= minute) continue
      this.ids.delete(at)
      this.held -= bucket.size
    }
    for (const at of this.claims.keys()) if (at < minute) this.claims.delete(at)
  }
}

/** What execution asks: exact, at any layer. */
export interface ReplayView {
  /** True when a transaction with this id, valid until then, is in the chain below. The id is the hash of a body that names its account, so this is keyed (account, id). */
  hasId(id: Uint8Array, validUntil: bigint): boolean
  /** True while a claim on `key` is in force at block time `timeMs`. */
  isClaimed(key: Uint8Array, timeMs: bigint): boolean
  /** True when as many ids are live at block time `timeMs` as the window holds. Equal on every node, whatever was forgotten when. */
  isFull(timeMs: bigint): boolean
}

/** Live ids are counted only when there are as many ids altogether: every transaction asks. */
function isFull(window: ReplayWindow | WindowLayer, timeMs: bigint): boolean {
  return window.held >= window.idsMax && window.count(minuteOf(timeMs)) >= window.idsMax
}

/** What the events of one receipt reserve, by the contract versions of that height. */
function claimsOf(registry: Registry, height: bigint, receipt: Receipt): { key: Uint8Array, untilMs: bigint }[] {
  return receipt.events.flatMap(({ contract, name, data }) => [...(registry.contract(contract, height)?.claims?.(name, data) ?? [])])
}

/** What the window holds: ids by the minute in which they expire, in chain order; claims by their end and key. Equal on all nodes after the same block. */
export interface WindowContent {
  readonly minutes: readonly { readonly minute: bigint; readonly ids: readonly string[] }[]
  readonly claims: readonly { readonly key: string; readonly untilMs: bigint }[]
}

/** A block whose effects the window remembers. */
export interface WindowBlock { readonly height: bigint; readonly timeMs: bigint; readonly transactions: readonly Transaction[]; readonly receipts: readonly Receipt[] }

/**
 * Recent transaction ids and claims, outside the state tree: derivable from the blocks of the last ten minutes, whose ids the tree
 * commits to by one running hash per minute. Committed blocks live in the base; each speculative block is a layer over its parent.
 */
export class ReplayWindow implements ReplayView {
  readonly idsMax: number
  private readonly entries = new Entries()
  /** Of these ids and those of all layers above. */
  readonly marks = new Marks()

  /** `idsMax` must be equal on all nodes of a chain; tests make it small. */
  constructor({ idsMax = LIVE_IDS_MAX }: { readonly idsMax?: number } = {}) {
    this.idsMax = idsMax
  }

  hasId(id: Uint8Array, validUntil: bigint): boolean {
    const minute = minuteOf(validUntil)
    return this.marks.mayHold(id, minute) && this.has(bytesToText(id), minute)
  }

  isClaimed(key: Uint8Array, timeMs: bigint): boolean {
    return this.claimEnd(bytesToText(key)) > timeMs
  }

  isFull(timeMs: bigint): boolean {
    return isFull(this, timeMs)
  }

  /** A layer for a block on top of the committed ones. */
  layer(): WindowLayer {
    return new WindowLayer(this)
  }

  /** Adds committed blocks, oldest first: after a restart, those whose time is within the chain's lifetime limit of the head's time. */
  rebuild(registry: Registry, blocks: Iterable<WindowBlock>): void {
    for (const block of blocks) {
      const layer = this.layer()
      block.transactions.forEach((transaction, i) => layer.add(registry, block.height, transaction, block.receipts[i]!))
      layer.flush(block.timeMs)
    }
  }

  has(key: string, minute: bigint): boolean {
    return this.entries.ids.get(minute)?.has(key) ?? false
  }

  claimEnd(key: string): bigint {
    return this.entries.claimEnd(key)
  }

  get held(): number { return this.entries.held }

  count(minute: bigint): number {
    return this.entries.countFrom(minute)
  }

  /** What the committed blocks have left in force at `timeMs`, the time of the newest. Ids and keys as `bytesToText` gives them. */
  content(timeMs: bigint): WindowContent {
    const first = minuteOf(timeMs)
    const minutes = [...this.entries.ids].filter(([minute]) => minute >= first).sort(([a], [b]) => (a < b ? -1 : 1)).map(([minute, ids]) => ({ minute, ids: [...ids] }))
    const claims = [...this.entries.claims].filter(([minute]) => minute >= first).flatMap(([, bucket]) => Array.from(bucket, ([key, untilMs]) => ({ key, untilMs })))
    return { minutes, claims: claims.sort((a, b) => (a.untilMs === b.untilMs ? (a.key < b.key ? -1 : 1) : a.untilMs < b.untilMs ? -1 : 1)) }
  }

  /** Takes up what another window held, before any block. */
  restore({ minutes, claims }: WindowContent): void {
    for (const { minute, ids } of minutes) {
      for (const id of ids) {
        this.entries.addId(id, minute)
        this.marks.add(id, minute)
      }
    }
    for (const { key, untilMs } of claims) this.entries.addClaim(key, untilMs)
  }

  /** Takes over a flushed layer's entries and forgets what block time has passed. */
  absorb(added: Entries, timeMs: bigint): void {
    for (const [minute, keys] of added.ids) for (const key of keys) this.entries.addId(key, minute)
    for (const bucket of added.claims.values()) for (const [key, until] of bucket) this.entries.addClaim(key, until)
    this.entries.prune(timeMs)
    this.marks.prune(timeMs)
  }
}

/** What one block in progress adds. Dropping the object forgets the block; `flush` makes it part of the base. */
export class WindowLayer implements ReplayView {
  readonly idsMax: number
  readonly marks: Marks
  private below: ReplayWindow | WindowLayer
  private added: Entries | undefined = new Entries()

  constructor(below: ReplayWindow | WindowLayer) {
    this.below = below
    this.marks = below.marks
    this.idsMax = below.idsMax
  }

  hasId(id: Uint8Array, validUntil: bigint): boolean {
    const minute = minuteOf(validUntil)
    return this.marks.mayHold(id, minute) && this.has(bytesToText(id), minute)
  }

  isClaimed(key: Uint8Array, timeMs: bigint): boolean {
    return this.claimEnd(bytesToText(key)) > timeMs
  }

  isFull(timeMs: bigint): boolean {
    return isFull(this, timeMs)
  }

  /** A layer for a block on top of this one. */
  layer(): WindowLayer {
    return new WindowLayer(this)
  }

  /** Remembers an included transaction and the claims of its receipt. */
  add(registry: Registry, height: bigint, transaction: Transaction, receipt: Receipt): void {
    if (this.added === undefined) throw new SteleError({ code: 'WINDOW_LAYER_ORDER', message: 'a flushed layer takes no more transactions' })
    const id = bytesToText(transaction.id)
    const minute = minuteOf(transaction.body.validUntil)
    this.added.addId(id, minute)
    this.marks.add(id, minute)
    for (const { key, untilMs } of claimsOf(registry, height, receipt)) this.added.addClaim(bytesToText(key), untilMs)
  }

  /** Called when the block is committed, oldest layer first; twice is harmless. `timeMs`: the block's time. */
  flush(timeMs: bigint): void {
    if (this.added === undefined) return
    const base = this.parent()
    if (!(base instanceof ReplayWindow)) throw new SteleError({ code: 'WINDOW_LAYER_ORDER', message: 'the layer below is not committed yet' })
    base.absorb(this.added, timeMs)
    this.added = undefined
  }

  has(key: string, minute: bigint): boolean {
    return (this.added?.ids.get(minute)?.has(key) ?? false) || this.parent().has(key, minute)
  }

  claimEnd(key: string): bigint {
    const own = this.added?.claimEnd(key) ?? 0n
    const below = this.parent().claimEnd(key)
    return own > below ? own : below
  }

  get held(): number { return (this.added?.held ?? 0) + this.parent().held }

  count(minute: bigint): number {
    return (this.added?.countFrom(minute) ?? 0) + this.parent().count(minute)
  }

  /** The nearest layer below that still holds entries; flushed ones are skipped and let go, so chains stay as short as the pipeline. */
  private parent(): ReplayWindow | WindowLayer {
    while (this.below instanceof WindowLayer && this.below.added === undefined) this.below = this.below.below
    return this.below
  }
}
