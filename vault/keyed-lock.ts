/** Runs tasks of one key one after the other, tasks of different keys side by side. Holds nothing for idle keys. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const turn = Promise.withResolvers<void>()
    this.#tails.set(key, turn.promise)
    try {
      await before
      return await task()
    } finally {
      if (this.#tails.get(key) === turn.promise) this.#tails.delete(key)
      turn.resolve()
    }
  }
}
