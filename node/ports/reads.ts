import { SteleError } from '../../primitives/error.ts'
import type { ReadBarrier } from '../../rpc/ports.ts'
import type { SteleNode } from '../stele-node.ts'

/** Read index of Raft (thesis §6.4), then waiting until the state that readers see has come that far. */
export class NodeReads implements ReadBarrier {
  readonly #node: SteleNode

  constructor(node: SteleNode) {
    this.#node = node
  }

  async linearizable(signal: AbortSignal): Promise<void> {
    const { driver, applier, config } = this.#node.parts
    const index = await driver.readIndex()
    // A follower that learns of the index may still be cut off before it gets the entries.
    const timeoutMs = 2 * config.consensus.tickMs * config.consensus.electionTicks
    await applier.appliedTo(index, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])).catch((cause: unknown) => {
      throw new SteleError({ code: 'NO_LEADER', message: 'no leader confirmed the read in time', details: { index }, cause, retryable: true })
    })
  }
}
