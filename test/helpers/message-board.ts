import type { JointLine } from '../../node/dataset/joint-line.ts'

/** What everybody has said; listeners are woken by the next word. */
export class Board<M> {
  readonly said: Map<number, M[]>
  #wake = Promise.withResolvers<void>()
  #ended = false

  constructor(members: readonly number[]) {
    this.said = new Map(members.map((member) => [member, []]))
  }

  /** Nobody waits any longer: what is not there is silence. */
  end(): void {
    this.#ended = true
    this.#wake.resolve()
  }

  /** `twist` changes what one listener hears; `dieAt` ends a process when it says its message of that number. */
  line(member: number, { twist = (said) => said, dieAt = Infinity }: { twist?: (said: M, from: number) => M; dieAt?: number } = {}): JointLine<M> {
    let spoken = 0
    return {
      member,
      say: async (message) => {
        if (spoken++ === dieAt) throw new Error('the process ended')
        this.said.get(member)!.push(message)
        this.#wake.resolve()
        this.#wake = Promise.withResolvers()
      },
      hear: async (other, sequence, wait) => {
        for (const until = performance.now() + wait; ; ) {
          const found = this.said.get(other)![sequence]
          if (found !== undefined) return twist(found, other)
          const left = until - performance.now()
          if (left <= 0 || this.#ended) return undefined
          const timeout = Promise.withResolvers<void>()
          const timer = setTimeout(timeout.resolve, left)
          await Promise.race([this.#wake.promise, timeout.promise])
          clearTimeout(timer)
        }
      },
    }
  }
}
