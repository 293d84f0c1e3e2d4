import { existsSync } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { ChainParameters, Genesis } from '../primitives/genesis.ts'
import type { Logger } from '../primitives/ports.ts'
import { openDatabase } from '../state/database.ts'
import type { Ledger } from '../state/ledger.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import { openStoredState, openWorldState } from '../state/world-state.ts'
import type { WorldState } from '../state/world-state.ts'
import type { ReplayWindow } from '../contracts/index.ts'
import type { ChainStore } from './chain-store.ts'
import type { Executor, Refused } from './executor.ts'
import { writeGenesisState } from './recover.ts'
import { REBUILDING, replay } from './repair-replay.ts'
import { watchDatabase } from './repair-watch.ts'
import { restoreState } from './snapshot-restore.ts'
import { VerifyJournal } from './verify-report.ts'
import type { Finding } from './verify-report.ts'
import { checkDatabaseFiles } from './verify-tables.ts'

/** What a node executes with: it stands upon the durable state, and goes on from there. */
export interface Ground { readonly executor: Executor; readonly window: ReplayWindow; readonly store: ChainStore }

export interface StatePorts {
  readonly ledger: Ledger
  readonly genesis: Genesis
  readonly chain: Uint8Array
  /** This process has built the state a moment ago, from parts that were proved one by one: it is not read and hashed a second time. */
  readonly justProved?: boolean
  readonly limits: Pick<ChainParameters, 'lifetimeMsMax'>
  /** This node's own snapshots. */
  readonly snapshots: SnapshotFolder
  /** What executes upon the state the database stands at. */
  readonly createGround: (world: WorldState) => Promise<Ground>
  readonly logger: Logger
  /** Tells of damage that anybody meets while reading, now or later. */
  readonly onDamaged: (error: unknown) => void
  /** Tells that the state is being rebuilt, and so that the node is not ready. */
  readonly onRebuild: (reason: string) => void
  readonly signal: AbortSignal
}

/** A stored block that this program does not get the signed root for, although the state below it was rebuilt from genesis. */
export interface RefusedEntry { readonly index: number; readonly height: number; readonly refused: Refused }

export interface SoundState { readonly world: WorldState; readonly ground: Ground }
export type OpenedState = SoundState | { readonly refused: RefusedEntry }

const isTable = (path: string): boolean => /\.(ldb|sst)$/.test(path)

/**
 * Opens the state database so that it can be believed: every row's checksum, every tree node and leaf checked, its position found in the ledger,
 * everything committed executed, and the stored tail executed once for a trial. What does not hold is set aside and rebuilt
 * from genesis out of the ledger, roots checked on the way; nothing is served before. Throws STATE_* for what no rebuilding mends
 * (another process, another chain, a newer program, a full disk), and `NODE_STOPPING`.
 */
export async function openSoundState(directory: string, ports: StatePorts): Promise<OpenedState> {
  for (let rebuilt = false; ; rebuilt = true) {
    const world = await openChecked(directory, ports)
    const sound = world ?? await openFresh(directory, ports)
    let refused: RefusedEntry | undefined
    try {
      const ground = await ports.createGround(sound)
      refused = await replay(sound, ground.executor, ports)
      if (refused === undefined) return { world: sound, ground }
    } catch (error) {
      await sound.close()
      if (!isDamage(error) || rebuilt) throw error
      await setAside(directory, ports, error)
      continue
    }
    await sound.close()
    if (rebuilt || world === undefined) return { refused }
    // A wrong root may come from a wrong state below it, which is cheaper to mend than to ask for.
    await setAside(directory, ports, refused.refused.error)
  }
}

async function openFresh(directory: string, { ledger, chain, genesis, limits, snapshots, signal, logger, onDamaged }: StatePorts): Promise<WorldState> {
  if (ledger.firstHeight() > 1) {
    // The first blocks are gone: the snapshot they ended with, and the ledger from there on, are the whole state.
    const height = await groundSnapshot(snapshots, ledger)
    logger.info({ height }, 'the state is restored from this node\'s snapshot')
    return restoreState(watchDatabase(await openDatabase(directory), onDamaged), snapshots, height, limits.lifetimeMsMax, signal)
  }
  const world = openWorldState(watchDatabase(await openDatabase(directory), onDamaged), { chain })
  await writeGenesisState(world, genesis, chain)
  return world
}

/** The newest snapshot here from which the ledger goes on. `SNAPSHOT_NOT_FOUND`. */
async function groundSnapshot(snapshots: SnapshotFolder, ledger: Ledger): Promise<number> {
  for (const height of (await snapshots.heights()).toReversed()) {
    const index = ledger.indexOfHeight(height)
    if (index === undefined || index > ledger.hardState().commit || await snapshots.proof(height) === undefined) continue
    const { block } = await snapshots.manifest(height)
    if (equalBytes(block, ledger.entry(index)?.hash ?? new Uint8Array(0))) return height
  }
  throw new SteleError({ code: 'SNAPSHOT_NOT_FOUND', message: 'the state is damaged, the first blocks were pruned, and no snapshot is left here to go on from', details: { firstHeight: ledger.firstHeight() } })
}

/** The stored state when it is whole; undefined when it was set aside. */
async function openChecked(directory: string, ports: StatePorts): Promise<WorldState | undefined> {
  let world: WorldState | undefined
  try {
    const faults = await faultsIn(directory)
    mustBeSound(faults.filter(({ file }) => !isTable(file!)))
    world = await openWorld(directory, ports)
    mustBeSound(faults)
    if (world.isEmpty && ports.ledger.firstHeight() === 1) await writeGenesisState(world, ports.genesis, ports.chain)
    mustStandOnLedger(world, ports.ledger)
    if (ports.justProved === true) return world
    await checkRows(world, ports.signal)
    await world.verifyAll(ports.signal)
    return world
  } catch (error) {
    await world?.close()
    if (ports.signal.aborted || !isDamage(error)) throw error
    await setAside(directory, ports, error)
    return undefined
  }
}

/**
 * Faults in LevelDB's own files. It passes over what it cannot read, and a lost row looks like one that never was; so its files are checked first. The end
 * of a log may be torn: LevelDB drops it, and the ledger replays it. The caller holds the ledger's lock, so nobody writes these files meanwhile.
 */
async function faultsIn(directory: string): Promise<readonly Finding[]> {
  const journal = new VerifyJournal(() => {})
  try {
    await checkDatabaseFiles(directory, journal)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [] // The first start.
    throw error
  }
  const sizes = await Promise.all(journal.findings.map(async ({ file }) => (await stat(file!)).size))
  return journal.findings.filter(({ file, offset, bytes }, i) => !(file!.endsWith('.log') && offset! + bytes! === sizes[i]))
}

/** A killed process may have left a table half written. LevelDB deletes it when it opens, for it belongs to nothing: only what stays counts. */
function mustBeSound(faults: readonly Finding[]): void {
  const [first] = faults.filter(({ file }) => existsSync(file!))
  if (first === undefined) return
  const { file, offset, bytes, rule } = first
  throw new SteleError({ code: 'STATE_DAMAGED', message: 'a file of the state database is damaged', details: { file, offset, bytes, rule } })
}

async function openWorld(directory: string, { chain, onDamaged }: StatePorts): Promise<WorldState> {
  return openStoredState(watchDatabase(await openDatabase(directory), onDamaged), { chain })
}

/** Reads every row once, so that its checksum is compared. */
async function checkRows(world: WorldState, signal: AbortSignal): Promise<void> {
  await world.read(async (rows) => {
    for await (const { key } of rows.range({ from: Uint8Array.of(0), to: Uint8Array.of(0xff) })) if (signal.aborted && key.length > 0) signal.throwIfAborted()
  })
}

/** State and ledger must tell of the same block: a state of another history, or one ahead of the ledger, proves nothing. */
function mustStandOnLedger(world: WorldState, ledger: Ledger): void {
  const { height, appliedIndex, blockHash } = world.position
  if (height === 0 && appliedIndex === 0 && ledger.firstHeight() === 1) return
  const index = height === 0 ? 0 : ledger.indexOfHeight(height)
  const stands = appliedIndex <= ledger.lastIndex() && index !== undefined && index <= appliedIndex && ledger.heightAt(appliedIndex) === height
    && (index === 0 || equalBytes(ledger.entry(index)?.hash ?? new Uint8Array(32), blockHash))
  if (!stands) throw new SteleError({ code: 'STATE_DAMAGED', message: 'the state stands at a block that the ledger does not hold', details: { height, appliedIndex, lastIndex: ledger.lastIndex(), block: toHex(blockHash) } })
}

/**
 * LevelDB tells damage in its own files as failures to open. Those that rebuilding cannot mend carry the system's code: no permission, no room.
 */
function isDamage(error: unknown): boolean {
  const code = errorCode(error)
  if (code === 'STATE_DAMAGED' || code === 'STATE_READ_FAILED' || code?.startsWith('CODEC_') === true) return true
  if (code !== 'STATE_OPEN_FAILED' || !(error instanceof SteleError)) return false
  const cause = error.cause instanceof Error ? error.cause.cause : undefined
  return !/permission denied|no space|too many open|read-only/i.test(cause instanceof Error ? cause.message : '')
}

/** Renames the folder; only the newest such copy is kept, as evidence. */
async function setAside(directory: string, { logger, onRebuild }: StatePorts, error: unknown): Promise<void> {
  const parent = dirname(directory)
  const prefix = `${basename(directory)}.damaged-`
  const aside = join(parent, `${prefix}${new Date().toISOString().replaceAll(/[-:.]/g, '')}`)
  for (const old of await readdir(parent)) if (old.startsWith(prefix)) await rm(join(parent, old), { recursive: true })
  await rename(directory, aside)
  onRebuild(REBUILDING)
  logger.error({ code: errorCode(error), error, aside }, 'state damaged, set aside and rebuilt from the ledger')
}
