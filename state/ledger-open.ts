import { invariant } from '../primitives/assert.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import { CHAIN_ID_BYTES, DATA_OFFSET, SALT_BYTES } from './ledger-format.ts'
import { mustBeRepairable } from './ledger-damage.ts'
import type { Damage } from './ledger-damage.ts'
import { readLedger } from './ledger-image.ts'
import type { LedgerImage } from './ledger-image.ts'
import type { Ledger } from './ledger.ts'
import { LEDGER_DEFAULTS } from './ledger-options.ts'
import type { LedgerCollaborators, LedgerOptions, LedgerSettings } from './ledger-options.ts'
import { LedgerRepair } from './ledger-repair.ts'
import { guardWrites, heal, startLedger } from './ledger-start.ts'
import { lockPath, removeLeftovers, segmentPath, sparePath, writeEmptySegment } from './ledger-segment.ts'

export type OpenedLedger =
  | { readonly status: 'normal'; readonly ledger: Ledger; readonly healed: readonly Damage[] }
  /** Nothing is served, voted or acknowledged until `repair.finish()` gives a normal ledger. */
  | { readonly status: 'repair'; readonly damaged: readonly Damage[]; readonly repair: LedgerRepair }

/**
 * Opens the ledger of `options.directory`, or makes one. Takes the lock, reads every byte, cuts what a crash left after the last
 * durable record, counts the start. Damage at or before what was durable gives `repair`.
 * Throws `LEDGER_LOCKED`, `LEDGER_MISSING`, `LEDGER_WRONG_CHAIN`, `LEDGER_VERSION_UNSUPPORTED`, `LEDGER_UNREPAIRABLE`, `LEDGER_WRITE_FAILED`.
 */
export async function openLedger(options: LedgerOptions, collaborators: LedgerCollaborators): Promise<OpenedLedger> {
  const settings: LedgerSettings = { ...LEDGER_DEFAULTS, ...options }
  invariant(settings.chainId.length === CHAIN_ID_BYTES, 'a chain id has 32 bytes')
  invariant(settings.segmentBytes > DATA_OFFSET && settings.segmentBytes % 4096 === 0, 'segments are whole pages', { segmentBytes: settings.segmentBytes })
  const { fileSystem } = collaborators
  await makeDirectory(settings, collaborators)
  const release = await fileSystem.lock(lockPath(settings.directory))
  try {
    return await openLocked(settings, collaborators, release)
  } catch (error) {
    await release()
    throw error
  }
}

async function openLocked(settings: LedgerSettings, collaborators: LedgerCollaborators, release: () => Promise<void>): Promise<OpenedLedger> {
  const { fileSystem, logger } = collaborators
  const reopen = (): Promise<OpenedLedger> => openLocked(settings, collaborators, release)
  const image = await readLedger(fileSystem, settings.directory, settings.chainId) ?? await createLedger(settings, collaborators)
  const damaged = image.damaged.filter((damage) => damage.durable && !healsItself(damage))
  if (damaged.length > 0) {
    mustBeRepairable(damaged)
    logger.error({ damaged: damaged.map(({ segment, offset, bytes, index, height, fix }) => ({ segment, offset, bytes, index, height, fix })) }, 'ledger damaged, repair mode')
    return { status: 'repair', damaged, repair: new LedgerRepair(settings, collaborators, image, { reopen, release }) }
  }
  const healed = image.damaged.filter((damage) => damage.durable)
  await guardWrites(() => heal(settings, collaborators, image))
  if (healed.length > 0) logger.warn({ healed }, 'damage outside the records was mended')
  const ledger = await guardWrites(() => startLedger(settings, collaborators, image, release))
  return { status: 'normal', ledger, healed }
}

/** Copies of the header, old slots and bytes between records hold nothing that is not known otherwise. */
function healsItself(damage: Damage): boolean {
  return damage.fix === 'local' && damage.lastOrdinal === 0
}

async function makeDirectory(settings: LedgerSettings, { fileSystem }: LedgerCollaborators): Promise<void> {
  if (settings.create) return fileSystem.makeDirectory(settings.directory)
  try {
    await fileSystem.list(settings.directory)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw missing(settings, error)
  }
}

async function createLedger(settings: LedgerSettings, { fileSystem, random, logger }: LedgerCollaborators): Promise<LedgerImage> {
  const { directory, chainId, segmentBytes } = settings
  if (!settings.create) throw missing(settings, undefined)
  const identity = { chainId, salt: random.bytes(SALT_BYTES) }
  return guardWrites(async () => {
    await removeLeftovers(fileSystem, directory)
    await writeEmptySegment(fileSystem, sparePath(directory, 1), identity, 1, segmentBytes)
    await fileSystem.rename(sparePath(directory, 1), segmentPath(directory, 1))
    await fileSystem.syncDirectory(directory)
    logger.info({ directory }, 'ledger created')
    const image = await readLedger(fileSystem, directory, chainId)
    invariant(image !== undefined, 'a new ledger can be read')
    return image
  })
}

function missing(settings: LedgerSettings, cause: unknown): SteleError {
  return new SteleError({ code: 'LEDGER_MISSING', message: 'there is no ledger in this directory', details: { directory: settings.directory }, cause })
}
