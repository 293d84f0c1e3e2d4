import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../primitives/bytes.ts'
import { certificateSchema } from '../primitives/certificate.ts'
import { encode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { openDatabase } from '../state/database.ts'
import { createLedgerFrom } from '../state/ledger-create.ts'
import { openLedger } from '../state/ledger-open.ts'
import type { LedgerCollaborators } from '../state/ledger-options.ts'
import type { Ledger } from '../state/ledger.ts'
import type { LedgerOrigin } from '../state/ledger-create.ts'
import type { Entry, HardState, StoredAttestation, StoredCertificate } from '../state/ledger-record.ts'
import { NO_HASH } from '../state/ledger-record.ts'
import { syncFolder, writeWhole } from '../state/snapshot-folder.ts'
import { readManifest } from '../state/snapshot-format.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import { SnapshotInstall } from '../state/snapshot-install.ts'
import { STAGED, commitJoin, completeJoin, joinFolder } from './join-swap.ts'
import { fetchParts } from './snapshot-fetch.ts'
import type { FetchPorts } from './snapshot-fetch.ts'
import { chooseSnapshot } from './snapshot-offers.ts'
import type { ChosenSnapshot, OfferPorts } from './snapshot-offers.ts'
import { openWorldState } from '../state/world-state.ts'
import { finishRestoredState, snapshotBlock } from './snapshot-restore.ts'

export interface JoinPorts extends Omit<OfferPorts, 'signal'>, Pick<FetchPorts, 'onProgress'> {
  readonly dataDir: string
  readonly lifetimeMsMax: number
  readonly segmentBytes: number
  readonly ledger: Omit<LedgerCollaborators, 'failed' | 'damaged'>
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** What a node has promised, and how far its log goes: none of it may be lost when its ledger is replaced. */
export interface OwnPast { readonly hardState: HardState; readonly attestation: StoredAttestation | undefined; readonly bootCounter: number; readonly lastIndex: number; readonly height: number; readonly term: (index: number) => number | undefined }

/**
 * Brings a node to the newest snapshot that its members offer, in place of a longer replay: fetches, proves, builds beside what there is, and only then puts it in place. Goes on where a killed
 * attempt was. Resolves with the height, or undefined when nobody offers a snapshot above what this node has. Nothing of consensus runs meanwhile.
 * Throws SNAPSHOT_* when what was fetched does not hold together (then it is deleted), LEDGER_* and STATE_* for the disk.
 */
export async function joinBySnapshot(ports: JoinPorts): Promise<number | undefined> {
  const { dataDir, chain, signal } = ports
  const past = await readPast(ports)
  const chosen = await chooseSnapshot(past.height, ports)
  if (chosen === undefined) return undefined
  const index = Number(chosen.read.manifest.index)
  if (past.lastIndex >= index && past.term(index) === chosen.read.header.term) throw new SteleError({ code: 'SNAPSHOT_NOT_NEEDED', message: 'the log holds the snapshot\'s block already', details: { index, lastIndex: past.lastIndex } })
  await prepareFolder(dataDir, chosen, chain)
  try {
    await installParts(chosen, ports)
    signal.throwIfAborted()
    const folder = joinFolder(dataDir)
    const world = openWorldState(await openDatabase(join(folder, STAGED.state)), { chain })
    await finishRestoredState(world, join(folder, STAGED.parts), chosen.read, ports.lifetimeMsMax).finally(() => world.close())
    await createOwnLedger(chosen, past, ports)
  } catch (error) {
    // A manifest that enough members vouch for and that does not hold together: nothing of it is kept.
    if (error instanceof SteleError && error.code === 'SNAPSHOT_INVALID') await rm(joinFolder(dataDir), { recursive: true, force: true })
    throw error
  }
  await commitJoin(dataDir, Number(chosen.read.manifest.height))
  return completeJoin(dataDir, chain)
}

async function readPast({ dataDir, chain, segmentBytes, ledger }: JoinPorts): Promise<OwnPast> {
  const directory = join(dataDir, 'ledger')
  if (!existsSync(directory)) return { hardState: { term: 0, vote: 0, commit: 0 }, attestation: undefined, bootCounter: 0, lastIndex: 0, height: 0, term: () => undefined }
  const opened = await openLedger({ directory, chainId: chain, segmentBytes }, { ...ledger, failed: () => undefined })
  if (opened.status === 'repair') {
    await opened.repair.close()
    throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'a damaged ledger is repaired before a snapshot takes its place' })
  }
  const past = pastOf(opened.ledger)
  await opened.ledger.close()
  return past
}

export function pastOf(own: Ledger): OwnPast {
  const terms = new Map<number, number | undefined>()
  for (let index = own.firstIndex(); index <= own.lastIndex(); index++) terms.set(index, own.term(index))
  return { hardState: own.hardState(), attestation: own.lastAttestation(), bootCounter: own.recovered.bootCounter, lastIndex: own.lastIndex(), height: own.heightAt(own.hardState().commit), term: (index) => terms.get(index) }
}

/** The block that a snapshot ends in, as the log has it, and what stands before it. */
export interface SnapshotEnd {
  readonly entry: Entry
  readonly previous: { readonly term: number; readonly noop: boolean; readonly parent: Uint8Array }
  readonly certificate: StoredCertificate
}

/** How a ledger begins that goes on behind a snapshot: with its last block, and with this node's own term, vote, attestation and count of starts. */
export function originAfter({ entry, previous, certificate }: SnapshotEnd, { hardState, attestation, bootCounter }: OwnPast): LedgerOrigin {
  const { index, height, term } = entry
  return {
    base: { index: index - 1, term: previous.term, height: height - 1, hash: previous.noop ? NO_HASH : previous.parent },
    hardState: hardState.term >= term ? { ...hardState, commit: index } : { term, vote: 0, commit: index }, attestation, bootCounter,
    entries: [entry], certificate,
  }
}

/** What was begun for this very snapshot is gone on with; anything else is deleted. */
async function prepareFolder(dataDir: string, { read, proofBytes }: ChosenSnapshot, chain: Uint8Array): Promise<void> {
  const folder = joinFolder(dataDir)
  const parts = join(folder, STAGED.parts)
  if (!(await isSame(join(parts, 'manifest'), read, chain))) await rm(folder, { recursive: true, force: true })
  await mkdir(parts, { recursive: true, mode: 0o700 })
  await writeWhole(join(parts, 'proof'), proofBytes)
  await writeWhole(join(parts, 'manifest'), read.bytes)
  await syncFolder(parts)
}

async function isSame(path: string, read: ReadManifest, chain: Uint8Array): Promise<boolean> {
  if (!existsSync(path)) return false
  try {
    return equalBytes(readManifest(chain, await readFile(path)).id, read.id)
  } catch (error) {
    if (!(error instanceof SteleError)) throw error
    return false // Half of one, or one that a newer rule refuses.
  }
}

async function installParts({ read, nodes }: ChosenSnapshot, ports: JoinPorts): Promise<void> {
  const folder = joinFolder(ports.dataDir)
  const database = await openDatabase(join(folder, STAGED.state))
  try {
    const install = await SnapshotInstall.open(database, read)
    await fetchParts(join(folder, STAGED.parts), read, install, { ...ports, nodes })
    await install.finish()
  } finally {
    await database.close()
  }
}

async function createOwnLedger({ read, proof: { finality } }: ChosenSnapshot, past: OwnPast, { dataDir, chain, segmentBytes, ledger }: JoinPorts): Promise<void> {
  const { manifest, header, block } = read
  const folder = joinFolder(dataDir)
  const { data } = await snapshotBlock(join(folder, STAGED.parts), read)
  const [index, height] = [Number(manifest.index), Number(manifest.height)]
  const directory = join(folder, STAGED.ledger)
  await rm(directory, { recursive: true, force: true })
  const certificate = { height: Number(finality.certificate.content.height), bytes: encode(certificateSchema, finality.certificate) }
  const entry: Entry = { index, term: header.term, kind: manifest.change ? 'change' : 'normal', height, data, hash: block }
  await createLedgerFrom({ directory, chainId: chain, segmentBytes }, { ...ledger, failed: () => undefined }, originAfter({ entry, previous: { ...manifest.previous, parent: header.parent }, certificate }, past))
}
