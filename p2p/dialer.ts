import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddr } from '@multiformats/multiaddr'
import { SteleError } from '../primitives/error.ts'
import type { Logger, Random } from '../primitives/ports.ts'
import { parseAddress } from './addresses.ts'
import type { Libp2pHost } from './host.ts'
import type { P2pMetrics } from './metrics.ts'
import type { Peer } from './roster.ts'

export interface DialerOptions {
  readonly dialTimeoutMs: number
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  /** Wait before the very first attempt and after a good connection broke: 0, or what the lower id gets as a head start. */
  readonly firstDelayMs: number
}

export interface DialerCollaborators {
  readonly libp2p: Libp2pHost
  readonly metrics: P2pMetrics
  readonly logger: Logger
  readonly random: Random
  /** Whether a connection is still wanted: false while there is one. */
  readonly wanted: () => boolean
  readonly banLeftMs: () => number
}

/** Dials one node until there is a connection, waiting longer after each failure. At most one timer or one attempt at a time. */
export class Dialer {
  readonly #options: DialerOptions
  readonly #peer: Peer
  readonly #with: DialerCollaborators
  readonly #addresses: readonly Multiaddr[]
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #dialling = false
  #failures = 0

  constructor(options: DialerOptions, peer: Peer, collaborators: DialerCollaborators) {
    this.#options = options
    this.#peer = peer
    this.#with = collaborators
    this.#addresses = peer.addresses.flatMap((address) => this.#parsed(address))
  }

  /** Schedules an attempt. `first`: as after a good connection, without back-off; `again`: the wait grows. */
  retry(kind: 'first' | 'again'): void {
    this.#failures = kind === 'first' ? 0 : this.#failures + 1
    this.#schedule()
  }

  /** There is a connection: stops waiting. The back-off stays until the connection has proved good. */
  connected(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#abort.abort()
  }

  #schedule(): void {
    if (this.#addresses.length === 0 || this.#abort.signal.aborted || this.#dialling) return
    clearTimeout(this.#timer)
    const delayMs = Math.max(backoffMs(this.#failures, this.#options, this.#with.random), this.#with.banLeftMs())
    this.#timer = setTimeout(() => { void this.#attempt() }, delayMs)
  }

  async #attempt(): Promise<void> {
    this.#timer = undefined
    if (!this.#with.wanted() || this.#dialling) return
    this.#dialling = true
    const failed = await this.#dialOnce()
    this.#dialling = false
    if (this.#abort.signal.aborted || !this.#with.wanted()) return
    // A dial that resolved and left no connection was refused by the other side a moment later: that is a failure too.
    if (failed || this.#failures === 0) this.#failures++
    this.#schedule()
  }

  /** True when the attempt failed. Being refused or unreachable is the normal life of a network, so it is counted, not thrown. */
  async #dialOnce(): Promise<boolean> {
    const { libp2p, metrics, logger } = this.#with
    try {
      await libp2p.dial([...this.#addresses], { signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#options.dialTimeoutMs)]) })
      metrics.dials.inc({ result: 'connected' })
      return false
    } catch (error) {
      if (this.#abort.signal.aborted) return true
      metrics.dials.inc({ result: 'failed' })
      logger.debug({ node: this.#peer.node, failures: this.#failures, error: error instanceof Error ? error.name : 'unknown' }, 'could not connect to a node')
      return true
    }
  }

  #parsed(text: string): Multiaddr[] {
    try {
      const address = parseAddress(text).toString().replace(/\/p2p\/[^/]+$/, '')
      return [multiaddr(`${address}/p2p/${this.#peer.peerId}`)]
    } catch (error) {
      if (!(error instanceof SteleError)) throw error
      this.#with.logger.warn({ node: this.#peer.node, address: text, code: error.code }, 'the ledger names an address that cannot be dialled')
      return []
    }
  }
}

/** Doubles from `backoffMsMin` to `backoffMsMax`; the upper half of each wait is random, so that nodes that failed together do not retry together. */
export function backoffMs(failures: number, options: Pick<DialerOptions, 'backoffMsMin' | 'backoffMsMax' | 'firstDelayMs'>, random: Random): number {
  if (failures === 0) return options.firstDelayMs
  const full = Math.min(options.backoffMsMax, options.backoffMsMin * 2 ** Math.min(failures - 1, 30))
  const half = Math.floor(full / 2)
  return full - half + random.jitter(half + 1)
}
