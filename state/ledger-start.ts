import { SteleError } from '../primitives/error.ts'
import type { OpenFile } from './file-system.ts'
import { DATA_OFFSET } from './ledger-format.ts'
import type { LedgerImage } from './ledger-image.ts'
import { Ledger } from './ledger.ts'
import type { RecoveredState } from './ledger.ts'
import type { LedgerCollaborators, LedgerSettings } from './ledger-options.ts'
import { patchSegment } from './ledger-patch.ts'
import { RecordReader } from './ledger-reader.ts'
import { removeLeftovers, removePruned, segmentPath, writeSegmentHeader } from './ledger-segment.ts'
import { LedgerWriter } from './ledger-writer.ts'

/** Clears what a crash left behind the last durable record, and rewrites damaged header copies and slots; none of it holds anything acknowledged, so it is done in place. */
export async function heal(settings: LedgerSettings, { fileSystem, logger }: LedgerCollaborators, image: LedgerImage): Promise<void> {
  await removeLeftovers(fileSystem, settings.directory)
  await removePruned(fileSystem, settings.directory, image.start?.segment ?? 1)
  // A killed process may have renamed its newest segment without having synced the name.
  await fileSystem.syncDirectory(settings.directory)
  const outside = image.damaged.filter((damage) => damage.lastOrdinal === 0 && damage.kind !== 'hole')
  for (const segment of new Set(outside.map((damage) => damage.segment))) {
    const here = outside.filter((damage) => damage.segment === segment)
    if (here.some((damage) => damage.kind === 'missing')) {
      await patchSegment(fileSystem, settings.directory, image.identity, segment, image.segmentBytes, [], true)
      continue
    }
    for (const torn of here) if (!torn.durable) logger.info({ segment, offset: torn.offset, bytes: torn.bytes }, 'torn tail cut')
    const file = await fileSystem.open(segmentPath(settings.directory, segment), 'write')
    try {
      for (const damage of here) await file.write([new Uint8Array(damage.bytes)], damage.offset)
      if (here.some((damage) => damage.kind === 'header')) await writeSegmentHeader(file, image.identity, segment, image.segmentBytes)
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

/** For `openLocked` and `LedgerRepair`: an open ledger on an image without damage. */
export async function startLedger(settings: LedgerSettings, collaborators: LedgerCollaborators, image: LedgerImage, release: () => Promise<void>): Promise<Ledger> {
  const { fileSystem, timers, failed } = collaborators
  const { state, identity, segmentBytes } = image
  const { directory } = settings
  const file = await fileSystem.open(segmentPath(directory, image.end.segment), 'write')
  await writeAgain(file, image)
  const own = { ...settings, segmentBytes, fileSystem }
  const writer = new LedgerWriter({ ...own, identity }, { fileSystem, timers, file, onFailed: failed }, image.end, image.slot?.sequence ?? 0)
  const commit = Math.min(state.hardState.commit, state.index.lastIndex)
  state.hardState = { ...state.hardState, commit }
  state.bootCounter += 1
  const recovered: RecoveredState = {
    hardState: state.hardState, firstIndex: state.index.firstIndex, lastIndex: state.index.lastIndex, refusals: [...state.refusals.values()].sort((a, b) => a.index - b.index),
    lastAttestation: state.attestation, newestCertificate: state.newestCertificate, bootCounter: state.bootCounter,
  }
  const reader = new RecordReader(fileSystem, directory, identity.salt)
  const ledger = new Ledger(own, { state, writer, reader, firstSegment: image.start?.segment ?? 1, onDamaged: collaborators.damaged ?? (() => undefined), release }, recovered)
  try {
    await ledger.countStart()
  } catch (error) {
    await writer.close()
    throw error
  }
  return ledger
}

/**
 * Writes what stands behind the newest slot once more, and syncs it before the boot record says that all before it was durable: a power cut between the two would else leave a record that vouches
 * for what never was. After a sync that failed the system may call those pages clean and still show them: then they
 * were read here, no later sync would write them, and a power cut would take back what counts as recovered (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
 */
async function writeAgain(file: OpenFile, { slot, end }: LedgerImage): Promise<void> {
  const from = slot?.segment === end.segment ? slot.offset : DATA_OFFSET
  const tail = await file.read(from, Math.max(end.offset - from, 0))
  if (tail.length === 0) return
  await file.write([tail], from)
  await file.sync()
}

/** A disk that is full or broken while opening is told like one that fails later. */
export async function guardWrites<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof SteleError) throw error
    throw new SteleError({ code: 'LEDGER_WRITE_FAILED', message: 'the ledger could not be prepared on disk', cause: error })
  }
}
