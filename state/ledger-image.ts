import { equalBytes } from '../primitives/bytes.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { FileSystem } from './file-system.ts'
import { START_FILES, readLedgerStart } from './ledger-base.ts'
import type { LedgerStart } from './ledger-base.ts'
import { DATA_OFFSET, FORMAT_VERSION, segmentSeed } from './ledger-format.ts'
import type { Slot } from './ledger-format.ts'
import { NO_LOSS } from './ledger-damage.ts'
import type { Damage } from './ledger-damage.ts'
import { LedgerReplay } from './ledger-replay.ts'
import type { ChainEnd, RecordVisitor } from './ledger-replay.ts'
import { payloadOf, readPreface, scanRecords } from './ledger-scan.ts'
import type { SegmentPreface } from './ledger-scan.ts'
import { newestBegun, segmentPath, segmentsAmong } from './ledger-segment.ts'
import type { LedgerIdentity } from './ledger-segment.ts'
import type { LedgerState } from './ledger-state.ts'

/** Everything that reading the files told, without having changed a byte. */
export interface LedgerImage {
  readonly identity: LedgerIdentity
  readonly segmentBytes: number
  readonly newestSegment: number
  /** Undefined: the ledger begins with the chain. */
  readonly start: LedgerStart | undefined
  readonly state: LedgerState
  /** Where the next record goes. */
  readonly end: ChainEnd
  readonly slot: Slot | undefined
  readonly damaged: readonly Damage[]
}

interface SegmentFile {
  readonly sequence: number
  readonly preface: SegmentPreface
  readonly missing: boolean
  /** The file ends before its records begin. */
  readonly cut: boolean
}

/** Whether the names in a ledger's directory tell that there was one: a segment, a file for what comes next, or a copy of where it starts. */
export function isBegun(names: readonly string[]): boolean {
  return newestBegun(names) > 0 || START_FILES.some((name) => names.includes(name))
}

/** Whether `directory` holds a ledger, or what is left of one; false when there is no such directory. */
export async function hasLedger(fileSystem: FileSystem, directory: string): Promise<boolean> {
  try {
    return isBegun(await fileSystem.list(directory))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * Reads the ledger in `directory` from its first byte to its last. Undefined when there never was one, or nothing is left of it. Nothing is written.
 * `visit` sees every intact record in order; entry data is a view of a buffer that is not kept.
 * Throws `LEDGER_WRONG_CHAIN`, `LEDGER_VERSION_UNSUPPORTED`, and `LEDGER_UNREPAIRABLE` when no header is left to read the records with.
 */
export async function readLedger(fileSystem: FileSystem, directory: string, chainId: Uint8Array | undefined, visit?: RecordVisitor): Promise<LedgerImage | undefined> {
  const names = await fileSystem.list(directory)
  const all = segmentsAmong(names)
  const newest = newestBegun(names)
  if (!isBegun(names)) return undefined
  const start = await readLedgerStart(fileSystem, directory, chainId)
  const first = start?.segment ?? 1
  // A crash while pruning may have left segments that no longer count.
  const present = all.filter((sequence) => sequence >= first)
  if (present.length === 0) throw new SteleError({ code: 'LEDGER_UNREPAIRABLE', message: 'every segment that the ledger still needs is gone', details: { directory } })
  const files = await readPrefaces(fileSystem, directory, first, newest, new Set(present))
  const header = files.find((file) => file.preface.header !== undefined)?.preface.header
  if (header === undefined) {
    throw new SteleError({ code: 'LEDGER_UNREPAIRABLE', message: 'no segment header is left that tells how to read the records', details: { directory } })
  }
  for (const { preface, sequence } of files) checkHeader(preface, sequence, chainId ?? header.chainId)

  const slot = files.slice(-2).flatMap((file) => file.preface.slots).sort((a, b) => b.sequence - a.sequence)[0]
  const replay = new LedgerReplay(slot, visit, start)
  const damaged: Damage[] = []
  for (const file of files) {
    if (file.missing) {
      replay.gap({ segment: file.sequence, offset: DATA_OFFSET, bytes: 0, missing: true, openEnded: true })
      continue
    }
    const bytes = await readWhole(fileSystem, segmentPath(directory, file.sequence), file.preface.header?.segmentBytes ?? header.segmentBytes)
    damaged.push(...stainsOf(file, file.sequence === newest))
    if (bytes.short > 0) damaged.push({ ...NO_LOSS, segment: file.sequence, offset: bytes.whole.length - bytes.short, bytes: bytes.short, kind: 'short', durable: true, fix: 'local' })
    const seed = segmentSeed(header.salt, file.sequence)
    if (file.sequence === newest) replayNewest(replay, bytes.whole, file.sequence, seed, slot, damaged)
    else replaySealed(replay, bytes.whole, file.sequence, seed)
  }
  damaged.push(...replay.finish(), ...unknownEnd(files, replay.end.segment))
  if (replay.end.offset === 0) replay.end = { ...replay.end, segment: newest, offset: DATA_OFFSET }
  if (replay.end.segment < newest) replay.end = { ...replay.end, segment: newest, offset: DATA_OFFSET }
  return {
    identity: { chainId: header.chainId, salt: header.salt }, segmentBytes: header.segmentBytes, newestSegment: newest, start,
    state: replay.state, end: replay.end, slot, damaged: [...damaged, ...unfinishedRepair(replay.state, damaged)],
  }
}

/** Segments before the newest one were synced to their end before the next was begun: all damage in them is damage. */
function replaySealed(replay: LedgerReplay, file: Uint8Array, segment: number, seed: number): void {
  for (const { kind, header, offset, bytes } of scanRecords(file, seed)) {
    if (header === undefined) replay.gap({ segment, offset, bytes, openEnded: kind === 'tail' })
    else replay.take({ segment, offset, bytes, header, payload: kind === 'record' ? payloadOf(file, { offset }, header) : undefined })
  }
}

/**
 * In the newest segment, damage after everything known to be durable is what a crash leaves of a batch that was never
 * acknowledged. Known to be durable is what the slot covers, and what any record says was synced when it was written. Damage
 * to the last of that is no reason to cut the record behind it, which may have been acknowledged as well, and may be all that tells of the damage.
 */
function replayNewest(replay: LedgerReplay, file: Uint8Array, segment: number, seed: number, slot: Slot | undefined, damaged: Damage[]): void {
  const pieces = [...scanRecords(file, seed)]
  const proven = pieces.reduce((most, { header }) => Math.max(most, header?.durableOrdinal ?? 0), slot?.ordinal ?? 0)
  for (const { kind, header, offset, bytes } of pieces) {
    const ordinal = header?.ordinal ?? replay.lastOrdinal + 1
    const sound = kind === 'record' && header !== undefined && (replay.follows(header) || replay.goesOn(header, proven))
    if (ordinal > proven && !sound) {
      const last = pieces.at(-1)
      const end = last === undefined ? offset + bytes : last.offset + last.bytes
      damaged.push({ ...NO_LOSS, segment, offset, bytes: end - offset, kind: 'tail', durable: false, fix: 'local' })
      return
    }
    if (header === undefined) replay.gap({ segment, offset, bytes, openEnded: kind === 'tail' })
    else replay.take({ segment, offset, bytes, header, payload: kind === 'record' ? payloadOf(file, { offset }, header) : undefined })
  }
}

async function readPrefaces(fileSystem: FileSystem, directory: string, first: number, newest: number, present: Set<number>): Promise<SegmentFile[]> {
  const starts = new Map<number, { readonly whole: Uint8Array; readonly short: number }>()
  for (const sequence of present) starts.set(sequence, (await readWhole(fileSystem, segmentPath(directory, sequence), DATA_OFFSET, DATA_OFFSET)))
  let salt: Uint8Array | undefined
  for (const [sequence, { whole }] of starts) salt ??= readPreface(whole, sequence, undefined).header?.salt
  return Array.from({ length: newest - first + 1 }, (_, i) => {
    const sequence = first + i
    const bytes = starts.get(sequence)
    if (bytes === undefined) return { sequence, preface: { header: undefined, slots: [], stains: [] }, missing: true, cut: false }
    return { sequence, preface: readPreface(bytes.whole, sequence, salt), missing: false, cut: bytes.short > 0 }
  })
}

function checkHeader({ header }: SegmentPreface, sequence: number, chainId: Uint8Array): void {
  if (header === undefined) return
  if (header.version !== FORMAT_VERSION) {
    throw new SteleError({
      code: 'LEDGER_VERSION_UNSUPPORTED', message: 'the segment has another format version', details: { segment: sequence, found: header.version, expected: FORMAT_VERSION },
    })
  }
  if (!equalBytes(header.chainId, chainId)) {
    throw new SteleError({ code: 'LEDGER_WRONG_CHAIN', message: 'the ledger belongs to another chain', details: { segment: sequence } })
  }
}

function stainsOf(file: SegmentFile, newest: boolean): Damage[] {
  const { slots, stains } = file.preface
  // One slot is always younger than the last sync but one; with both gone nothing says how far this node's promises went.
  const lost = newest && slots.length === 0 && stains.filter((stain) => stain.kind === 'slot').length === 2
  return stains.map((stain) => ({ ...NO_LOSS, segment: file.sequence, ...stain, durable: true, fix: lost && stain.kind === 'slot' ? 'none' : 'local' }))
}

/**
 * A file that has lost its beginning, and nothing after it that tells how far its records went: no slot, and no record that is chained to its last one. A crash leaves no such file, since one is whole
 * and synced before it gets its name; what it held, this node's own promises among it, can no longer be known. `endSegment`: where the newest record stands.
 */
function unknownEnd(files: readonly SegmentFile[], endSegment: number): Damage[] {
  for (const { sequence, preface, missing, cut } of files.toReversed()) {
    // Of a file that was cut short the one slot that is left may be the older one.
    if (preface.slots.length > (cut ? 1 : 0)) return []
    if (missing || cut || preface.header === undefined) return [{ ...NO_LOSS, segment: sequence, offset: 0, bytes: missing ? 0 : DATA_OFFSET, kind: missing ? 'missing' : cut ? 'short' : 'header', durable: true, fix: 'none' }]
    if (sequence <= endSegment) return []
  }
  return []
}

/** Lost entries that a repair has marked but not yet replaced. */
function unfinishedRepair(state: LedgerState, damaged: readonly Damage[]): Damage[] {
  if (state.whole || damaged.some((damage) => damage.needFrom > 0)) return []
  const { index } = state
  let needFrom = index.lastIndex + 1
  for (let i = index.lastIndex; i >= index.firstIndex && index.holes > 0; i--) if (index.isHole(i)) needFrom = i
  return [{
    segment: 0, offset: 0, bytes: 0, kind: 'hole', durable: true, fix: 'committed', ...NO_LOSS, needFrom, indexAfter: Math.max(index.lastIndex, state.repairFloor),
  }]
}

async function readWhole(fileSystem: FileSystem, path: string, expectedBytes: number, limit?: number): Promise<{ whole: Uint8Array; short: number }> {
  const file = await fileSystem.open(path, 'read')
  try {
    const bytes = await file.read(0, limit ?? Math.max(expectedBytes, await file.size()))
    if (bytes.length >= expectedBytes) return { whole: bytes, short: 0 }
    // A file that lost its end is read as if zeros stood there.
    const whole = new Uint8Array(expectedBytes)
    whole.set(bytes)
    return { whole, short: expectedBytes - bytes.length }
  } finally {
    await file.close()
  }
}
