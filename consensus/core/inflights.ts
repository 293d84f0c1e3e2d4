import { invariant } from '../../primitives/assert.ts'
import type { Index } from './message.ts'

/** The appends sent to one follower that it has not acknowledged yet: bounded in messages and in bytes. */
export class Inflights {
  readonly #messagesMax: number
  readonly #bytesMax: number
  /** Ascending by index: index of the last entry of each message, and its bytes. */
  #window: { readonly last: Index; readonly bytes: number }[] = []
  #bytes = 0

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax
    this.#bytesMax = bytesMax
  }

  get count(): number { return this.#window.length }
  get full(): boolean { return this.#window.length >= this.#messagesMax || this.#bytes >= this.#bytesMax }

  add(last: Index, bytes: number): void {
    invariant(!this.full, 'a full window takes no message')
    this.#window.push({ last, bytes })
    this.#bytes += bytes
  }

  /** Frees every message whose last entry is at or below `index`. */
  free(index: Index): void {
    let freed = 0
    for (const message of this.#window) {
      if (message.last > index) break
      this.#bytes -= message.bytes
      freed++
    }
    if (freed > 0) this.#window.splice(0, freed)
  }

  clear(): void {
    this.#window = []
    this.#bytes = 0
  }
}
