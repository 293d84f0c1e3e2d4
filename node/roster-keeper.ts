import { equalBytes } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { readerOf } from '../contracts/index.ts'
import type { PeerRecord, Roster } from '../p2p/roster.ts'
import type { ExecutedBlock } from './executed-block.ts'
import { nodesIn } from './node-roster.ts'
import type { OwnKeys } from './own-keys.ts'

/**
 * How long the others still listen to the old transport key of a node whose keys were changed, in ms: the commit of the change reaches it with the next message or heartbeat,
 * and without that it would never hear why nobody answers any more. Its old attestation key ends with the block itself.
 */
export const OLD_KEY_MS = 1_000

export interface RosterKeeperPorts {
  readonly node: number
  readonly keys: OwnKeys
  readonly roster: Pick<Roster, 'update' | 'byNode'>
  /** Addresses as this node dials them. */
  readonly routed: (nodes: readonly PeerRecord[]) => PeerRecord[]
  /** Hands the leadership over, if this node has it. */
  readonly handOver: () => Promise<boolean>
  readonly fatal: (error: SteleError) => void
  readonly logger: Logger
}

/** The gate, the dialling and this node's own keys follow the committed state. */
export class RosterKeeper {
  readonly #ports: RosterKeeperPorts
  #letGo: NodeJS.Timeout | undefined
  #end: NodeJS.Timeout | undefined

  constructor(ports: RosterKeeperPorts) {
    this.#ports = ports
  }

  /** Takes over what a committed block says of nodes and keys. */
  follow({ height, layer }: Pick<ExecutedBlock, 'height' | 'layer'>): readonly PeerRecord[] {
    const { node, keys, logger } = this.#ports
    const reader = readerOf(layer)
    const nodes = nodesIn(reader)
    // A node that still replays the past keeps the peers it was given: they know more than the state it has come to.
    if (nodes.some((each) => each.node === node)) this.#update(nodes)
    const turn = keys.follow(reader)
    if (turn === 'gained') logger.info({ height }, 'the ledger names the keys of this node: it takes part')
    if (turn === 'lost') this.#retire(height)
    return nodes
  }

  stop(): void {
    clearTimeout(this.#letGo)
    clearTimeout(this.#end)
  }

  #update(nodes: readonly PeerRecord[]): void {
    const { roster, routed } = this.#ports
    const next = routed(nodes)
    const kept = next.map((record) => {
      const before = roster.byNode(record.node)
      return before === undefined || equalBytes(before.transportKey, record.transportKey) ? record : { ...record, transportKey: before.transportKey, addresses: before.addresses }
    })
    clearTimeout(this.#letGo)
    roster.update(kept)
    if (kept.some((record, i) => record !== next[i])) this.#letGo = setTimeout(() => roster.update(next), OLD_KEY_MS).unref()
  }

  /** Nothing this node would cut counts any more, so it does not lead on; the others hear of the commit from it or from its successor. */
  #retire(height: number): void {
    const { node, handOver, fatal, logger } = this.#ports
    const error = new SteleError({ code: 'NODE_KEYS_ROTATED', message: 'the members gave this node other keys; start it again with the new keystore', details: { node, height } })
    logger.warn({ code: error.code, height }, 'the members gave this node other keys; it ends in a moment')
    setImmediate(() => void handOver())
    this.#end = setTimeout(() => fatal(error), OLD_KEY_MS)
  }
}
