import { invariant } from '../primitives/assert.ts'
import { writeLedgerStart } from './ledger-base.ts'
import type { LogBase } from './ledger-base.ts'
import { openLedger } from './ledger-open.ts'
import type { LedgerCollaborators, LedgerOptions } from './ledger-options.ts'
import type { Entry, HardState, StoredAttestation, StoredCertificate } from './ledger-record.ts'
import { SALT_BYTES } from './ledger-format.ts'
import { LEDGER_DEFAULTS } from './ledger-options.ts'
import { segmentPath, writeEmptySegment } from './ledger-segment.ts'

/** What a ledger begins with that does not begin with the chain. */
export interface LedgerOrigin {
  readonly base: LogBase
  /** Term and vote this node has given, commit index of the last of `entries`. */
  readonly hardState: HardState
  /** The newest this node ever signed, so that it never signs again at or below it. */
  readonly attestation: StoredAttestation | undefined
  /** Starts counted so far. */
  readonly bootCounter: number
  /** Follow the base without a gap; all committed. */
  readonly entries: readonly Entry[]
  readonly certificate: StoredCertificate
}

/** Makes a ledger in an empty directory that begins behind `origin.base`; durable when it resolves. Half of one is left by a crash: the caller makes it in a place that does not count yet. */
export async function createLedgerFrom(options: LedgerOptions, collaborators: LedgerCollaborators, origin: LedgerOrigin): Promise<void> {
  const { fileSystem, random } = collaborators
  const { directory, chainId, segmentBytes } = { ...LEDGER_DEFAULTS, ...options }
  const { base, hardState, attestation, bootCounter, entries, certificate } = origin
  await fileSystem.makeDirectory(directory)
  await writeEmptySegment(fileSystem, segmentPath(directory, 1), { chainId, salt: random.bytes(SALT_BYTES) }, 1, segmentBytes)
  await writeLedgerStart(fileSystem, directory, chainId, { segment: 1, ordinal: 0, checksum: 0, lastType: 0, base, hardState: { ...hardState, commit: base.index }, attestation, bootCounter })
  const opened = await openLedger(options, collaborators)
  invariant(opened.status === 'normal', 'a new ledger is whole')
  await opened.ledger.append({ hardState, entries, certificate })
  await opened.ledger.close()
}
