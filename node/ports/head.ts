import { toHex } from '../../primitives/bytes.ts'
import type { AsOf } from '../../rpc/schema.ts'
import type { SteleNode } from '../stele-node.ts'

/** The block whose state the indexes show, as every answer names it. Kept ready, because every answer carries it. */
export class Head {
  readonly #node: SteleNode
  #asOf: AsOf | undefined

  constructor(node: SteleNode) {
    this.#node = node
  }

  get asOf(): AsOf {
    const { store, rules } = this.#node.parts
    const { height } = store
    if (this.#asOf?.height !== height) {
      const block = store.block(height)
      this.#asOf = { height, hash: toHex(block?.hash ?? rules.chain), term: block?.header.term ?? 0 }
    }
    return this.#asOf
  }
}
