import type { Logger } from '../primitives/ports.ts'
import type { FileSystem, Timers } from './file-system.ts'
import type { SteleError } from '../primitives/error.ts'

export interface LedgerOptions {
  readonly directory: string
  /** 32 bytes; a ledger of another chain is refused. */
  readonly chainId: Uint8Array
  /** False: an absent ledger is `LEDGER_MISSING` instead of a new one. */
  readonly create?: boolean
  /** Bytes of a new ledger's segments (a multiple of 4096). Too small: no room for a block, many files. Too large: long repairs, much preallocated. */
  readonly segmentBytes?: number
  /** Milliseconds without an append after which the newest slot is synced. Too small: more syncs under light load. Too large: a longer time in which a torn last batch cannot be told from a damaged one. */
  readonly idleSyncMs?: number
  /** Bytes written before one sync at most. Too small: less grouping. Too large: the first append of a group waits long. */
  readonly groupBytesMax?: number
  /** Bytes that may wait for the disk; beyond it `append` refuses with `LEDGER_BUSY`. */
  readonly queueBytesMax?: number
  /** Bytes of recent entry data kept in memory. Too small: replication reads the disk. Too large: memory. */
  readonly cacheBytesMax?: number
}

export const LEDGER_DEFAULTS = {
  create: true,
  segmentBytes: 16 * 1024 * 1024,
  idleSyncMs: 10,
  groupBytesMax: 4 * 1024 * 1024,
  queueBytesMax: 64 * 1024 * 1024,
  cacheBytesMax: 16 * 1024 * 1024,
} as const

export type LedgerSettings = Required<LedgerOptions>

export interface LedgerCollaborators {
  readonly fileSystem: FileSystem
  readonly timers: Timers
  readonly logger: Logger
  /** Random bytes for a new ledger's salt. */
  readonly random: { bytes(length: number): Uint8Array }
  /** Called once when a write or sync failed: end the process. */
  readonly failed: (error: SteleError) => void
  /** Called once when a read met damaged bytes: stop serving, close, open again (it opens in repair mode). */
  readonly damaged?: (error: SteleError) => void
}
