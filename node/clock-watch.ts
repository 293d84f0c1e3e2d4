import type { Clock, Logger } from '../primitives/ports.ts'

/** How often clocks are compared, in ms. */
const INTERVAL_MS = 1_000
/** Differences kept of a node: the largest of them travelled fastest, so it is the truest. */
const SAMPLES_MAX = 8
/** What a node said longer ago than this does not count, in ms. */
const STALE_MS = 10_000

export interface ClockWatchOptions {
  /** How far off the members' median this node's clock may be before it neither campaigns nor leads on, in ms (DESIGN §5.5). */
  readonly toleranceMs: number
  /** Voters of the chain: fewer than a majority of clocks judge nothing. */
  readonly voters: () => readonly number[]
}

export interface ClockWatchPorts {
  readonly broadcast: (timeMs: number) => void
  /** The clock is off: whoever leads hands over. Called at every look while it is so. */
  readonly onOff: (offsetMs: number) => void
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Compares this node's wall clock with the voters'. Delays make the others seem behind, never ahead, so of the last differences to a node the largest counts. One liar moves a median of four
 * or more by no more than the honest differ.
 */
export class ClockWatch {
  readonly #options: ClockWatchOptions
  readonly #ports: ClockWatchPorts
  readonly #heard = new Map<number, { readonly samples: number[]; atMs: number }>()
  #timer: NodeJS.Timeout | undefined
  #offsetMs = 0
  #told = false

  constructor(options: ClockWatchOptions, ports: ClockWatchPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** The members' median minus this node's clock, in ms; 0 while too few are heard. */
  get offsetMs(): number { return this.#offsetMs }
  get isSound(): boolean { return Math.abs(this.#offsetMs) <= this.#options.toleranceMs }

  start(): void {
    this.#timer ??= setInterval(() => this.look(), INTERVAL_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** A node's wall clock, as it was when it spoke. */
  heard(node: number, timeMs: number): void {
    const { clock } = this.#ports
    const heard = this.#heard.get(node) ?? { samples: [], atMs: 0 }
    heard.samples.push(timeMs - clock.nowMs())
    if (heard.samples.length > SAMPLES_MAX) heard.samples.shift()
    heard.atMs = clock.monotonicMs()
    this.#heard.set(node, heard)
  }

  /** Tells the own clock and judges it. */
  look(): void {
    const { broadcast, onOff, clock, logger } = this.#ports
    broadcast(clock.nowMs())
    this.#offsetMs = this.#median()
    if (this.isSound) {
      this.#told = false
      return
    }
    if (!this.#told) logger.warn({ offsetMs: this.#offsetMs }, 'this node\'s clock is off the members\' median; it does not lead until it is set right')
    this.#told = true
    onOff(this.#offsetMs)
  }

  #median(): number {
    const voters = new Set(this.#options.voters())
    const now = this.#ports.clock.monotonicMs()
    for (const [node, { atMs }] of this.#heard) if (!voters.has(node) || now - atMs > STALE_MS) this.#heard.delete(node)
    const offsets = [0, ...[...this.#heard.values()].map(({ samples }) => Math.max(...samples))].sort((a, b) => a - b)
    if (offsets.length * 2 <= voters.size) return 0
    // Of an even number the middle one nearer to this node's clock: in doubt it is the others'.
    const [low, high] = [offsets[Math.floor((offsets.length - 1) / 2)]!, offsets[Math.ceil((offsets.length - 1) / 2)]!]
    return Math.abs(low) < Math.abs(high) ? low : high
  }
}
