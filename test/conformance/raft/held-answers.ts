import type { Message } from '../../../consensus/core/message.ts'
import type { Answers } from '../../../consensus/core/release.ts'

/**
 * Answers of a core in etcd's hands. There, answers travel with the write they wait for and come back from the disk as messages, those to the node
 * itself included; so this keeps all of them until the harness takes them, and steps only what the harness gives back. Requests for votes leave at once:
 * etcd asks before its own vote is durable, while nodes of ours wait (`Release`).
 */
export class HeldAnswers implements Answers {
  readonly vouched = 0
  #held: Message[] = []
  #due: Message[] = []

  get waiting(): number { return this.#held.length }

  hold(message: Message): void {
    if (message.type === 'voteRequest') this.#due.push(message)
    else this.#held.push(message)
  }

  stored(): void { /* The harness delivers the answers itself. */ }
  truncated(): void { /* etcd lets answers about entries that are gone leave: the higher term makes them void. */ }
  next(): Message | undefined { return this.#due.shift() }

  take(): Message[] {
    const held = this.#held
    this.#held = []
    return held
  }

  /** The core steps or sends `message` at the end of its next step. */
  release(message: Message): void {
    this.#due.push(message)
  }
}
