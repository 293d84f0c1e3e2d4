import { toHex } from '../../primitives/bytes.ts'
import { enrolmentOf } from './calls.ts'
import { callRpc } from './dev.ts'
import type { ProcessCluster } from './dev.ts'

/** Seeded choice, mulberry32: an integer in [0, below). */
export function chooser(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Clients that send enrolments one after the other, each to a node chosen anew, whether it lives or not. */
export class Load {
  /** Ids that some node reported as committed. */
  readonly acknowledged = new Set<string>()
  /** Ids of everything sent; of the rest nobody knows. */
  readonly sent = new Set<string>()
  failures = 0
  #stopped = false
  readonly #clients: Promise<void>[]

  constructor(processes: ProcessCluster, clients: number, choose: (below: number) => number) {
    this.#clients = Array.from({ length: clients }, () => this.#run(processes, choose))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  async #run(processes: ProcessCluster, choose: (below: number) => number): Promise<void> {
    while (!this.#stopped) {
      const { transaction } = enrolmentOf(processes.chain, processes.members[choose(processes.members.length)]!)
      this.sent.add(toHex(transaction.id))
      // The same bytes go to further nodes after a failure, as a client does that does not know what became of them.
      for (let attempt = 0; attempt < 3 && !this.#stopped; attempt++) if (await this.#send(processes.nodes[choose(processes.nodes.length)]!.rpc, transaction.bytes)) break
    }
  }

  async #send(url: string, transaction: Uint8Array): Promise<boolean> {
    try {
      const { id, status } = await callRpc(url, 'tx_send', { transaction: toHex(transaction), wait: 'committed', timeoutMs: 3_000 }, 5_000)
      if (status !== 'committed' && status !== 'final') return false
      this.acknowledged.add(id)
      return true
    } catch (error) {
      // A killed node resets connections and an electing one refuses: that is what this load is for.
      if (!(error instanceof Error)) throw error
      this.failures++
      await new Promise((resolve) => setTimeout(resolve, 20))
      return false
    }
  }
}
