import type { Index, NodeId } from './message.ts'
import { jointCommitted } from './quorum.ts'
import type { Voters } from './quorum.ts'

/** A read that waits for a quorum to confirm that its leader still leads. `from` asked for it under the number `request`. */
export interface WaitingRead { readonly from: NodeId; readonly request: number; readonly index: Index }

/**
 * Linearizable reads without a log entry (thesis §6.4): each read gets the next position of this leadership, heartbeats carry the newest
 * one, and what a quorum echoed is confirmed. A position is never used twice in a term, so an old answer confirms no new read.
 */
export class Reads {
  #unconfirmed: WaitingRead[] = []
  #confirmed = 0
  readonly #acked = new Map<NodeId, number>()

  get waiting(): number { return this.#unconfirmed.length }
  /** What heartbeats carry: the newest waiting position, 0 when none waits. */
  get position(): number { return this.#unconfirmed.length === 0 ? 0 : this.#confirmed + this.#unconfirmed.length }
  get all(): readonly WaitingRead[] { return this.#unconfirmed }

  add(read: WaitingRead): void {
    this.#unconfirmed.push(read)
  }

  acknowledge(from: NodeId, position: number): void {
    if (position <= this.#confirmed + this.#unconfirmed.length) this.#acked.set(from, Math.max(this.#acked.get(from) ?? 0, position))
  }

  /** The reads that a quorum has confirmed, oldest first. */
  takeConfirmed(voters: Voters): readonly WaitingRead[] {
    const confirmed = jointCommitted(voters, (id) => this.#acked.get(id))
    if (confirmed <= this.#confirmed || !Number.isFinite(confirmed)) return []
    const ready = this.#unconfirmed.splice(0, confirmed - this.#confirmed)
    this.#confirmed = confirmed
    return ready
  }
}
