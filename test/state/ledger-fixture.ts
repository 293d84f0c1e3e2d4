import { silentLogger } from '../../primitives/ports.ts'
import type { SteleError } from '../../primitives/error.ts'
import type { FileSystem, Timers } from '../../state/file-system.ts'
import type { Ledger } from '../../state/ledger.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { LedgerCollaborators, LedgerOptions } from '../../state/ledger-options.ts'
import type { Entry } from '../../state/ledger-record.ts'
import type { LedgerRepair } from '../../state/ledger-repair.ts'
import { ManualTimers } from '../helpers/crash-file-system.ts'

export const DIRECTORY = '/ledger'
/** Room for about 4 KiB of records, so that a few appends cross segments. */
export const SMALL_SEGMENT_BYTES = 16384 + 4096

export function testOptions(more: Partial<LedgerOptions> = {}): LedgerOptions {
  return { directory: DIRECTORY, chainId: new Uint8Array(32).fill(1), segmentBytes: SMALL_SEGMENT_BYTES, ...more }
}

export function testCollaborators(fileSystem: FileSystem, more: Partial<LedgerCollaborators> = {}): LedgerCollaborators & { timers: Timers } {
  return { fileSystem, timers: new ManualTimers(), logger: silentLogger, random: { bytes: (length) => new Uint8Array(length).fill(9) }, failed: () => undefined, ...more }
}

/** A block of `bytes` bytes whose content and hash depend on term and index. */
export function testEntry(index: number, term = 1, bytes = 300): Entry {
  return { index, term, kind: 'normal', height: index, data: new Uint8Array(bytes).fill(index * 7 + term), hash: new Uint8Array(32).fill(index + 100 * term) }
}

export async function openNormal(fileSystem: FileSystem, more: Partial<LedgerCollaborators> = {}, options: Partial<LedgerOptions> = {}): Promise<Ledger> {
  const opened = await openLedger(testOptions(options), testCollaborators(fileSystem, more))
  if (opened.status !== 'normal') throw new Error(`expected a normal ledger: ${JSON.stringify(opened.damaged)}`)
  return opened.ledger
}

export async function openRepair(fileSystem: FileSystem): Promise<LedgerRepair> {
  const opened = await openLedger(testOptions(), testCollaborators(fileSystem))
  if (opened.status !== 'repair') throw new Error('expected repair mode')
  return opened.repair
}

export function codeOf(error: unknown): string {
  return (error as SteleError).code
}

/** Plain view of everything the ledger shows, for comparison. */
export function contentOf(ledger: Ledger): unknown {
  const { hardState, refusals, lastAttestation, newestCertificate } = ledger.recovered
  return {
    hardState, refusals, lastAttestation, newestCertificate,
    entries: ledger.entries(1, ledger.lastIndex() + 1, Number.MAX_SAFE_INTEGER).map((entry) => ({ ...entry, data: Buffer.from(entry.data).toString('hex'), hash: Buffer.from(entry.hash ?? []).toString('hex') })),
  }
}
