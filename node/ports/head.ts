import { toHex } from '../../primitives/bytes.ts'
import type { AsOf } from '../../rpc/schema.ts'
import type { SteleNode } from '../stele-node.ts'

/**
 * The block whose state the indexes show, as every answer names it. Kept ready, because every answer carries it. Without a leader it is marked as stale: a node that lost its
 * quorum goes on answering and says so. A leader that lost its quorum knows it after an election timeout at most (check-quorum).
 */
export class Head {
  readonly #node: SteleNode
  #asOf: AsOf | undefined
  #stale: AsOf | undefined

  constructor(node: SteleNode) {
    this.#node = node
  }

  get asOf(): AsOf {
    const { store, rules, driver } = this.#node.parts
    const { height } = store
    if (this.#asOf?.height !== height) {
      const block = store.block(height)
      this.#asOf = { height, hash: toHex(block?.hash ?? rules.chain), term: block?.header.term ?? 0 }
      this.#stale = { ...this.#asOf, stale: true }
    }
    return driver.leader === 0 ? this.#stale! : this.#asOf
  }
}
