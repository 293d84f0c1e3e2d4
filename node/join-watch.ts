import type { SteleError } from '../primitives/error.ts'
import { chooseSnapshot } from './snapshot-offers.ts'
import type { OfferPorts } from './snapshot-offers.ts'

/** The first look comes soon after the start, when peers have connected; later ones are for a node that fell behind, and cost the others a list of heights. */
const FIRST_MS = 1_000
const INTERVAL_MS = 5_000

export interface JoinWatchPorts extends Omit<OfferPorts, 'signal'> {
  /** Height this node's state stands at. */
  readonly height: () => number
  readonly leads: () => boolean
  /** A snapshot with a valid certificate is far enough ahead. Called once. */
  readonly onBehind: (height: number, reason: 'behind' | 'required') => void
  readonly onFailure: (error: SteleError) => void
}

/** Looks whether a member has a snapshot so far ahead that taking it is quicker than replaying, or is the only way because the leader has pruned what comes next. */
export class JoinWatch {
  readonly #behindBlocks: number
  readonly #ports: JoinWatchPorts
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #required = false
  #told = false

  constructor(behindBlocks: number, ports: JoinWatchPorts) {
    this.#behindBlocks = behindBlocks
    this.#ports = ports
  }

  start(): void {
    this.#schedule(FIRST_MS)
  }

  /** The leader no longer has the entries that come next here: any newer snapshot will do. */
  offered(): void {
    if (this.#required) return
    this.#required = true
    this.#schedule(0)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#abort.abort()
  }

  #schedule(delayMs: number): void {
    if (this.#abort.signal.aborted || this.#told) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look().finally(() => this.#schedule(INTERVAL_MS)), delayMs)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { height, leads, onBehind, onFailure } = this.#ports
    if (this.#looking || leads()) return
    this.#looking = true
    try {
      const chosen = await chooseSnapshot(height() + (this.#required ? 0 : this.#behindBlocks), { ...this.#ports, signal: this.#abort.signal })
      if (chosen === undefined || this.#told || this.#abort.signal.aborted) return
      this.#told = true
      onBehind(Number(chosen.read.manifest.height), this.#required ? 'required' : 'behind')
    } catch (error) {
      if (!this.#abort.signal.aborted) onFailure(error as SteleError)
    } finally {
      this.#looking = false
    }
  }
}
