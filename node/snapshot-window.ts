import { bytesToText as textOf } from '../primitives/bytes.ts'
import { replayMinutes } from '../contracts/runtime/tables.ts'
import { minuteOf } from '../contracts/runtime/replay-window.ts'
import { readerOf } from '../contracts/index.ts'
import type { StateView, WindowContent } from '../contracts/index.ts'
import { concatBytes, equalBytes, u64Bytes } from '../primitives/bytes.ts'
import { hash } from '../primitives/hash.ts'
import { textToBytes } from '../state/digest.ts'
import { SNAPSHOT_LIMITS, invalidSnapshot, packRows, rowBytes, unpackRows } from '../state/snapshot-format.ts'
import type { PackedRow } from '../state/snapshot-format.ts'

const NOTHING = new Uint8Array(0)
/** Minute (8) ‖ id (32), no value: an id. Anything else: a claim's key, with its end (8) as the value. */
const ID_ROW_BYTES = 40

/** The window in parts of a snapshot: ids by minute and in chain order, then claims by end and key. */
export function packWindow({ minutes, claims }: WindowContent): { readonly rows: number; readonly bytes: Uint8Array }[] {
  const parts: { rows: number; bytes: Uint8Array }[] = []
  let rows: PackedRow[] = []
  let bytes = 0
  const add = (row: PackedRow): void => {
    if (bytes + rowBytes(row) > SNAPSHOT_LIMITS.chunkBytes) close()
    rows.push(row)
    bytes += rowBytes(row)
  }
  const close = (): void => {
    parts.push({ rows: rows.length, bytes: packRows(rows) })
    rows = []
    bytes = 0
  }
  for (const { minute, ids } of minutes) for (const id of ids) add({ key: concatBytes(u64Bytes(minute), textToBytes(id)), value: NOTHING })
  for (const { key, untilMs } of claims) add({ key: textToBytes(key), value: u64Bytes(untilMs) })
  if (rows.length > 0) close()
  return parts
}

export function unpackWindow(parts: readonly Uint8Array[]): WindowContent {
  const minutes = new Map<bigint, string[]>()
  const claims: { key: string; untilMs: bigint }[] = []
  for (const { key, value } of parts.flatMap(unpackRows)) {
    if (value.length === 0 && key.length === ID_ROW_BYTES) {
      const minute = u64From(key)
      const ids = minutes.get(minute) ?? []
      ids.push(textOf(key.subarray(8)))
      minutes.set(minute, ids)
    } else if (value.length === 8) claims.push({ key: textOf(key), untilMs: u64From(value) })
    else throw invalidSnapshot('the window holds ids and claims')
  }
  return { minutes: Array.from(minutes, ([minute, ids]) => ({ minute, ids })), claims }
}

function u64From(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0)
}

/**
 * Compares the ids with the running hashes that the state holds for each minute: not one may be missing, added or out of order. Claims follow from receipts and have no such proof;
 * they are as true as the members that vouch for the manifest. `SNAPSHOT_INVALID`.
 */
export function checkWindow({ minutes }: WindowContent, state: StateView, timeMs: bigint, lifetimeMsMax: number): void {
  const reader = readerOf(state)
  const known = new Map(minutes.map(({ minute, ids }) => [minute, ids]))
  const [first, last] = [minuteOf(timeMs), minuteOf(timeMs + BigInt(lifetimeMsMax))]
  for (const minute of known.keys()) if (minute < first || minute > last) throw invalidSnapshot('the window holds ids that can still be live', { minute: Number(minute) })
  for (let minute = first; minute <= last; minute++) {
    const running = known.get(minute)?.reduce<Uint8Array>((before, id) => hash('replay-minute', before, textToBytes(id)), new Uint8Array(32))
    const stored = reader.get(replayMinutes, minute)
    const same = running === undefined || stored === undefined ? running === stored : equalBytes(running, stored)
    if (!same) throw invalidSnapshot('the window holds exactly the ids that the state commits to', { minute: Number(minute) })
  }
}
