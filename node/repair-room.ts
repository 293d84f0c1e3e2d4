import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { Network } from '../p2p/network.ts'
import { STELE_VERSION } from './version.ts'
import { BlockSource } from './sync-blocks.ts'

/** What is asked again when nothing happens, in ms. A member that connects ends the wait. */
const ASK_AGAIN_MS = 2_000

export interface RepairRoomPorts {
  /** A network of its own: nothing of consensus is ever attached to it, so nothing can be voted, acknowledged, attested or served. */
  readonly createNetwork: () => Promise<Network>
  /** Voters of the chain but this node. */
  readonly others: readonly number[]
  readonly logger: Logger
  /** Tells that the node is in repair mode, why, and when the reason changes. */
  readonly onRepair: (reason: string) => void
}

/** Where a node stays while it is not fit to take part: connected, asking, and answering only how it is. */
export class RepairRoom {
  readonly #ports: RepairRoomPorts
  readonly signal: AbortSignal
  readonly #connected = new Set<() => void>()
  #network: Network | undefined
  #source: BlockSource | undefined
  #reason = ''

  constructor(ports: RepairRoomPorts, signal: AbortSignal) {
    this.#ports = ports
    this.signal = signal
  }

  /** Enters repair mode, or changes its reason; resolves with the way to the other members. Throws `NODE_STOPPING`. */
  async enter(reason: string): Promise<BlockSource> {
    this.throwIfStopping()
    this.#reason = reason
    this.#ports.onRepair(reason)
    if (this.#source !== undefined) return this.#source
    const network = await this.#ports.createNetwork()
    this.#network = network
    network.sync.handle('status', () => Promise.resolve(new TextEncoder().encode(JSON.stringify({ role: 'follower', term: 0, height: 0, finalHeight: 0, version: STELE_VERSION, uptimeMs: 0, problems: [this.#reason] }))))
    network.raft.onPeerChange((_node, connected) => {
      if (connected) for (const wake of [...this.#connected]) wake()
    })
    await network.start()
    this.#source = new BlockSource(network.sync, this.#ports.others)
    return this.#source
  }

  /** Resolves when it is worth asking again. Throws `NODE_STOPPING`. */
  async wait(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.signal.removeEventListener('abort', done)
        this.#connected.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ASK_AGAIN_MS)
      this.signal.addEventListener('abort', done)
      this.#connected.add(done)
    })
    this.throwIfStopping()
  }

  /** Leaves: the network of the repair is gone when this resolves. Safe to call when it was never entered. */
  async leave(): Promise<void> {
    await this.#network?.stop()
    this.#network = undefined
    this.#source = undefined
  }

  throwIfStopping(): void {
    if (this.signal.aborted) throw new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true })
  }
}
