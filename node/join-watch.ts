import type { SteleError } from '../primitives/error.ts'
import { chooseSnapshot } from './snapshot-offers.ts'
import type { OfferPorts } from './snapshot-offers.ts'

/** The first looks come as soon as peers have connected, and the ones that connect with them; later ones are for a node that fell behind, and cost the others a list of heights. */
const SETTLE_MS = 100
const FIRST_MS = 1_000
const INTERVAL_MS = 5_000
/** After a join what is left to replay is little. A busy chain has newer snapshots by then, which this node would run after for ever. */
const JOINED_MS = 30_000

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
  #eagerUntilMs = -Infinity

  constructor(behindBlocks: number, ports: JoinWatchPorts) {
    this.#behindBlocks = behindBlocks
    this.#ports = ports
  }

  /** `justJoined`: this process has taken a snapshot a moment ago. */
  start(justJoined: boolean): void {
    if (!justJoined) this.#eagerUntilMs = performance.now() + INTERVAL_MS
    this.#schedule(justJoined ? JOINED_MS : FIRST_MS)
  }

  /** A peer connected. In the first moments of a node that is one more to ask; later the next look is soon enough. */
  connected(): void {
    if (performance.now() < this.#eagerUntilMs) this.#schedule(SETTLE_MS)
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
    const timer = setTimeout(() => void this.#look().finally(() => { if (this.#timer === timer) this.#schedule(INTERVAL_MS) }), delayMs).unref()
    this.#timer = timer
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
