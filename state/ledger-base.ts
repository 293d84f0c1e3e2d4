import { crc32 } from 'node:zlib'
import { join } from 'node:path'
import { concatBytes, equalBytes, u32Bytes } from '../primitives/bytes.ts'
import { bytes, decode, encode, fixedBytes, optional, struct, u32, u64 } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { FileSystem } from './file-system.ts'
import { CHAIN_ID_BYTES, HASH_BYTES } from './ledger-format.ts'
import { NO_HASH } from './ledger-record.ts'
import type { HardState, PreviousEntry, StoredAttestation } from './ledger-record.ts'

/** The entry right before the first one a ledger holds. Index 0: the ledger begins with the chain. */
export interface LogBase {
  readonly index: number
  readonly term: number
  /** Height of the last block at or before it. */
  readonly height: number
  /** Hash of its own block; zeros for a no-op. */
  readonly hash: Uint8Array
}

export const LOG_START: LogBase = { index: 0, term: 0, height: 0, hash: NO_HASH }

/** The base as the first entry's record remembers it; its own height is 0 when it holds no block. */
export function previousOf({ term, height, hash }: LogBase): PreviousEntry {
  return { term, height: equalBytes(hash, NO_HASH) ? 0 : height, hash }
}

/**
 * Where a ledger that was pruned, or that began with a snapshot, starts, and what the records before it told: the log's base, this node's own promises, and what the first record is chained to.
 * Promises may be newer than the place says, never older.
 */
export interface LedgerStart {
  /** First segment that counts; those before it may be deleted. */
  readonly segment: number
  readonly ordinal: number
  readonly checksum: number
  readonly lastType: number
  readonly base: LogBase
  readonly hardState: HardState
  readonly attestation: StoredAttestation | undefined
  readonly bootCounter: number
}

const VERSION = 1
const FILE_BYTES_MAX = 64 * 1024
/** Two copies, written one after the other: one lost sector does not hide where the ledger starts. */
export const START_FILES = ['base.0', 'base.1'] as const

const schema = struct({
  v: u32, sequence: u64, chain: fixedBytes(CHAIN_ID_BYTES), segment: u64, ordinal: u64, checksum: u32, lastType: u32,
  base: struct({ index: u64, term: u64, height: u64, hash: fixedBytes(HASH_BYTES) }),
  hardState: struct({ term: u64, vote: u64, commit: u64 }), attestation: optional(struct({ epoch: u64, height: u64, bytes: optional(bytes({ max: 4096 })) })), bootCounter: u64,
})
type Stored = Infer<typeof schema>

/** Writes both copies, each by a rename, and syncs the directory. Call before deleting the segments that it makes dispensable. */
export async function writeLedgerStart(fileSystem: FileSystem, directory: string, chain: Uint8Array, start: LedgerStart): Promise<void> {
  const known = await readCopies(fileSystem, directory)
  const sequence = known.reduce((most, copy) => Math.max(most, Number(copy?.sequence ?? 0n)), 0) + 1
  const payload = encode(schema, toStored(chain, sequence, start))
  const content = concatBytes(u32Bytes(crc32(payload)), payload)
  for (const name of START_FILES) {
    const path = join(directory, name)
    const unfinished = `${path}.new`
    if ((await fileSystem.list(directory)).includes(`${name}.new`)) await fileSystem.remove(unfinished)
    const file = await fileSystem.open(unfinished, 'create')
    try {
      await file.write([content], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await fileSystem.rename(unfinished, path)
    await fileSystem.syncDirectory(directory)
  }
}

/**
 * The newest intact copy; undefined when the ledger has none and begins with the chain. Throws `LEDGER_VERSION_UNSUPPORTED`, `LEDGER_WRONG_CHAIN`, and `LEDGER_UNREPAIRABLE`
 * when there are copies and none is intact: then nothing tells how far this node's promises went.
 */
export async function readLedgerStart(fileSystem: FileSystem, directory: string, chain: Uint8Array | undefined): Promise<LedgerStart | undefined> {
  const copies = await readCopies(fileSystem, directory)
  if (copies.length === 0) return undefined
  const newest = copies.flatMap((copy) => copy ?? []).sort((a, b) => Number(b.sequence - a.sequence))[0]
  if (newest === undefined) throw new SteleError({ code: 'LEDGER_UNREPAIRABLE', message: 'both copies of the ledger\'s start are damaged', details: { directory } })
  if (newest.v !== VERSION) throw new SteleError({ code: 'LEDGER_VERSION_UNSUPPORTED', message: 'the ledger\'s start has another format version', details: { found: newest.v, expected: VERSION } })
  if (chain !== undefined && !equalBytes(newest.chain, chain)) throw new SteleError({ code: 'LEDGER_WRONG_CHAIN', message: 'the ledger belongs to another chain', details: { directory } })
  return fromStored(newest)
}

/** One item per copy that exists, in order; undefined for a damaged one. */
async function readCopies(fileSystem: FileSystem, directory: string): Promise<(Stored | undefined)[]> {
  const names = await fileSystem.list(directory)
  const copies: (Stored | undefined)[] = []
  for (const name of START_FILES) if (names.includes(name)) copies.push(await readCopy(fileSystem, join(directory, name)))
  return copies
}

async function readCopy(fileSystem: FileSystem, path: string): Promise<Stored | undefined> {
  const file = await fileSystem.open(path, 'read')
  try {
    const content = await file.read(0, FILE_BYTES_MAX)
    const payload = content.subarray(4)
    if (content.length < 4 || !equalBytes(content.subarray(0, 4), u32Bytes(crc32(payload)))) return undefined
    return decode(schema, payload)
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') === true) return undefined
    throw error
  } finally {
    await file.close()
  }
}

function toStored(chain: Uint8Array, sequence: number, start: LedgerStart): Stored {
  const { base, hardState, attestation } = start
  const big = BigInt
  return {
    v: VERSION, sequence: big(sequence), chain, segment: big(start.segment), ordinal: big(start.ordinal), checksum: start.checksum, lastType: start.lastType, bootCounter: big(start.bootCounter),
    base: { index: big(base.index), term: big(base.term), height: big(base.height), hash: base.hash }, hardState: { term: big(hardState.term), vote: big(hardState.vote), commit: big(hardState.commit) },
    attestation: attestation === undefined ? null : { epoch: big(attestation.epoch), height: big(attestation.height), bytes: attestation.bytes ?? null },
  }
}

function fromStored({ segment, ordinal, checksum, lastType, bootCounter, base, hardState, attestation }: Stored): LedgerStart {
  return {
    segment: Number(segment), ordinal: Number(ordinal), checksum, lastType, bootCounter: Number(bootCounter),
    base: { index: Number(base.index), term: Number(base.term), height: Number(base.height), hash: base.hash },
    hardState: { term: Number(hardState.term), vote: Number(hardState.vote), commit: Number(hardState.commit) },
    attestation: attestation === null ? undefined : { epoch: Number(attestation.epoch), height: Number(attestation.height), bytes: attestation.bytes ?? undefined },
  }
}
