import type { Logger } from '../primitives/ports.ts'
import { decode } from '../primitives/codec.ts'
import type { MemberSetLink } from '../primitives/member-history.ts'
import type { Finality } from '../primitives/receipt.ts'
import type { ReplayWindow } from '../contracts/index.ts'
import type { Ledger } from '../state/ledger.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import { writeSnapshot } from '../state/snapshot-write.ts'
import type { WorldState } from '../state/world-state.ts'
import { historyPeaks } from './block-index.ts'
import type { ChainStore } from './chain-store.ts'
import type { ExecutedBlock } from './executed-block.ts'
import type { ChainRules } from './chain-rules.ts'
import { PROOF_BYTES_MAX, buildProof, encodeProof, snapshotProof } from './snapshot-proof.ts'
import { packWindow } from './snapshot-window.ts'

export interface SnapshotMakerPorts {
  readonly folder: SnapshotFolder
  readonly world: WorldState
  readonly window: ReplayWindow
  readonly ledger: Ledger
  readonly store: ChainStore
  readonly rules: ChainRules
  /** Whether this node deletes old blocks. */
  readonly prunes: boolean
  readonly logger: Logger
  /** Called after each snapshot that is finished and proved final. */
  readonly onCertified: (height: number) => Promise<void>
  readonly onFailure: (error: unknown) => void
}

/** Snapshots kept besides the one the ledger begins with: one being fetched by others must not go the moment the next is there. */
const KEPT = 2
/** Work between two pauses, in ms, and the share of time it may take: blocks come first. */
const SLICE_MS = 6
/** Between two looks for a certificate, in ms. */
const RETRY_MS = 500
const SHARE = 0.3
const PAUSE_MS_MAX = 15

/** Makes snapshots beside the running node, one at a time, and keeps the newest of them. */
export class SnapshotMaker {
  readonly #ports: SnapshotMakerPorts
  readonly #abort = new AbortController()
  #working: Promise<void> = Promise.resolve()
  #busy = false
  #certifying: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #newest = 0
  /** Heights that are finished and wait for their certificate, ascending. */
  #waiting: number[] = []

  constructor(ports: SnapshotMakerPorts) {
    this.#ports = ports
  }

  /** Height of the newest snapshot that is proved final; 0 when there is none. */
  get newestHeight(): number { return this.#newest }

  /** Takes up what an earlier run left. */
  async start(): Promise<void> {
    const { folder } = this.#ports
    await folder.sweep()
    for (const height of await folder.heights()) {
      // Below the first block kept here nothing can be proved any more, nor gone on from.
      if (height < this.#ports.store.floor) await folder.remove(height)
      else if (await folder.proof(height) === undefined) this.#waiting.push(height)
      else this.#newest = height
    }
    this.certify()
  }

  /** The state database has just come to stand at this block, and window and database show nothing later until this returns. */
  reached(block: ExecutedBlock): void {
    const { world, window, logger } = this.#ports
    if (this.#abort.signal.aborted) return
    if (this.#busy) {
      logger.warn({ height: block.height }, 'a snapshot is left out: the one before is not finished')
      return
    }
    this.#busy = true
    const held = world.hold()
    const content = window.content(block.header.timeMs)
    this.#working = this.#make(block, held, packWindow(content)).finally(() => { this.#busy = false })
  }

  async #make(block: ExecutedBlock, held: ReturnType<WorldState['hold']>, parts: ReturnType<typeof packWindow>): Promise<void> {
    const { folder, ledger, rules: { chain }, logger, world, onFailure } = this.#ports
    const { height, index } = block
    const startedMs = performance.now()
    try {
      await writeSnapshot(folder, {
        view: held.rows, databaseBytes: await world.sizeBytes(), stateRoot: block.header.stateRoot, window: parts, block: { data: ledger.entry(index)!.data, receipts: block.receiptBytes },
        head: { v: 1, chain, height: BigInt(height), index: BigInt(index), header: block.headerBytes, previous: { term: ledger.term(index - 1) ?? 0, noop: ledger.isNoop(index - 1) }, change: ledger.entry(index)!.kind === 'change', peaks: historyPeaks(held.rows, height) },
      }, { pace: createPace(this.#abort.signal) })
      logger.info({ height, ms: Math.round(performance.now() - startedMs) }, 'snapshot made')
      this.#waiting.push(height)
      this.certify()
    } catch (error) {
      if (!this.#abort.signal.aborted) onFailure(error)
    } finally {
      await held.release()
    }
  }

  /** Looks whether waiting snapshots have become final. Cheap when none waits; call with each certificate. */
  certify(): void {
    if (this.#waiting.length === 0 || this.#certifying !== undefined || this.#abort.signal.aborted) return
    clearTimeout(this.#retry)
    this.#certifying = this.#certify().catch((error: unknown) => { if (!this.#abort.signal.aborted) this.#ports.onFailure(error) }).finally(() => {
      this.#certifying = undefined
      // The certificate may be here before the block it covers is in the database.
      if (this.#waiting.length > 0 && !this.#abort.signal.aborted) this.#retry = setTimeout(() => this.certify(), RETRY_MS).unref()
    })
  }

  async #certify(): Promise<void> {
    const { folder, store, rules, onCertified } = this.#ports
    for (let height = this.#waiting[0]; height !== undefined; height = this.#waiting[0]) {
      const proof = buildProof(height, store, rules, await this.#knownLinks())
      if (proof === undefined) return
      await folder.writeProof(height, encodeProof(proof))
      this.#waiting.shift()
      this.#newest = height
      await onCertified(height)
      await this.#forgetOld()
    }
  }

  /** The steps between member sets that an older snapshot proves. */
  async #knownLinks(): Promise<readonly MemberSetLink[]> {
    const proof = this.#newest === 0 ? undefined : await this.#ports.folder.proof(this.#newest)
    return proof === undefined ? [] : decode(snapshotProof, proof, { maxBytes: PROOF_BYTES_MAX }).links
  }

  /** Proof that the change of voters at `height` is final, as the newest snapshot's proof keeps it: the block and its certificate may be pruned here. */
  async finalityOfChange(height: number): Promise<Finality | undefined> {
    for (const { kind, value } of await this.#knownLinks()) if (kind === 'change' && Number(value.certificate.content.height) === height) return { certificate: value.certificate, descendant: null }
    return undefined
  }

  /**
   * The newest stay, and the one from which what is kept goes on: with the blocks above it, it is the whole state. Where blocks are pruned the next one stays too, until it is old
   * enough to go on from: under load the newest never are.
   */
  async #forgetOld(): Promise<void> {
    const { folder, store: { floor }, prunes } = this.#ports
    const heights = (await folder.heights()).filter((height) => !this.#waiting.includes(height))
    const ground = floor === 1 ? undefined : heights.find((height) => height >= floor)
    const next = prunes ? heights.find((height) => height > floor) : undefined
    for (const height of heights.slice(0, -KEPT)) if (height !== ground && height !== next) await folder.remove(height)
  }

  /** Gives up what is under way; unfinished files are deleted by the next start. */
  async stop(): Promise<void> {
    this.#abort.abort()
    clearTimeout(this.#retry)
    await this.#working
    await this.#certifying
  }
}

/** Lets the event loop and the disk go on: after each slice of work a pause, so that work takes no more than its share. */
export function createPace(signal: AbortSignal, share = SHARE): () => Promise<void> {
  let sliceStartMs = performance.now()
  return async () => {
    const workedMs = performance.now() - sliceStartMs
    if (workedMs < SLICE_MS) return
    // On a busy loop most of that time was others' work; a long pause after it would never come to an end.
    await new Promise((resolve) => setTimeout(resolve, Math.min(PAUSE_MS_MAX, workedMs * (1 / share - 1))))
    signal.throwIfAborted()
    sliceStartMs = performance.now()
  }
}
