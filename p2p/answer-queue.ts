/** Items that have arrived and were not fetched yet. Above the mark the sender is asked to pause, below it to go on. */
const HIGH_WATER_BYTES = 2 * 1024 * 1024

/** The receiving end of one answer: filled by the stream, emptied by the caller. One reader. */
export class AnswerQueue {
  readonly #flow: { pause(): void; resume(): void }
  readonly #items: Uint8Array[] = []
  #bytes = 0
  #paused = false
  #finished = false
  #error: unknown
  #wake: (() => void) | undefined

  constructor(flow: { pause(): void; resume(): void }) {
    this.#flow = flow
  }

  get finished(): boolean { return this.#finished }

  push(item: Uint8Array): void {
    if (this.#finished) return
    this.#items.push(item)
    this.#bytes += item.length
    if (this.#bytes > HIGH_WATER_BYTES && !this.#paused) {
      this.#paused = true
      this.#flow.pause()
    }
    this.#wake?.()
  }

  /** No more items after those that wait; then the reader gets the error, if any. The first call counts. */
  finish(error?: unknown): void {
    if (this.#finished) return
    this.#finished = true
    this.#error = error
    this.#wake?.()
  }

  /** Like `finish`, but at once: what waits is dropped. */
  fail(error: unknown): void {
    this.#items.length = 0
    this.#bytes = 0
    if (this.#finished && this.#error === undefined) this.#error = error
    this.finish(error)
  }

  /** The next item; undefined after the last. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#items.length === 0) {
      if (this.#error !== undefined) throw this.#error
      if (this.#finished) return undefined
      await new Promise<void>((resolve) => { this.#wake = resolve })
      this.#wake = undefined
    }
    const item = this.#items.shift()!
    this.#bytes -= item.length
    if (this.#paused && this.#bytes <= HIGH_WATER_BYTES / 2) {
      this.#paused = false
      this.#flow.resume()
    }
    return item
  }
}
