import type { Logger } from '../primitives/ports.ts'

/** After a line has opened, how long the other node has to hear where this one stands before it is asked, in ms. */
const ASK_AFTER_MS = 2_000
const REASON_CHARS_MAX = 200

/** A node whose words do not count where this is said (node/presence.ts). */
export interface Refusal { readonly node: number; readonly reason: string }

/** Reads the refusals in another node's answer; whatever is none is left out. */
export function refusalsIn(value: unknown): readonly Refusal[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, 64).flatMap((each: unknown) => {
    const { node, reason } = (typeof each === 'object' && each !== null ? each : {}) as { readonly node?: unknown; readonly reason?: unknown }
    return typeof node === 'number' && typeof reason === 'string' ? [{ node, reason: reason.slice(0, REASON_CHARS_MAX) }] : []
  })
}

export interface RefusedByPorts {
  readonly self: number
  readonly voters: () => number
  /** What a node refuses; undefined when it does not answer. */
  readonly ask: (node: number) => Promise<readonly Refusal[] | undefined>
  readonly logger: Logger
}

/**
 * Who refuses this node's own votes and acknowledgements. A node whose data folder was emptied cannot know what it has lost; the others do, and it asks them on each new line. More than f of them must say so
 * (f = ⌊(n − 1) / 3⌋): fewer may lie. From then on the node is not ready, and says why.
 */
export class RefusedBy {
  readonly #ports: RefusedByPorts
  readonly #reasons = new Map<number, string>()
  #told = false

  constructor(ports: RefusedByPorts) {
    this.#ports = ports
  }

  /** Nodes that refuse this one, ascending, once they are enough to be believed. */
  get nodes(): readonly number[] {
    return this.#reasons.size > Math.floor((this.#ports.voters() - 1) / 3) ? [...this.#reasons.keys()].sort((a, b) => a - b) : []
  }

  connected(node: number, afterMs = ASK_AFTER_MS): void {
    setTimeout(() => { void this.look(node) }, afterMs).unref()
  }

  async look(node: number): Promise<void> {
    const { self, ask, logger } = this.#ports
    const refusals = await ask(node)
    if (refusals === undefined) return
    const own = refusals.find((refusal) => refusal.node === self)
    if (own === undefined) this.#reasons.delete(node)
    else this.#reasons.set(node, own.reason)
    if (this.nodes.length === 0 || this.#told) return
    this.#told = true
    logger.error({ code: 'NODE_REFUSED', by: this.nodes, reason: [...this.#reasons.values()][0] }, 'other nodes refuse the votes and acknowledgements of this one: it came back with less than it had')
  }
}
