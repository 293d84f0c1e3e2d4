import { setFlagsFromString } from 'node:v8'

/** One run of a simulated process, from start to crash. What it scheduled dies with it. */
export interface Life {
  readonly node: number
  alive: boolean
  /** Nothing of a paused process happens before this time (µs), like SIGSTOP. */
  pausedUntil: number
}

/** Something that will happen. Setting `cancelled` calls it off. */
export interface Event {
  /** Virtual time in µs, then order of scheduling: a total order. */
  readonly at: number
  readonly sequence: number
  readonly life: Life | undefined
  readonly run: () => void
  cancelled: boolean
}

// Promises of the code under test settle between two events, as between two turns of a real event loop. Node has no
// public call for it that works without giving the turn away; V8's own is the checkpoint that Node itself uses.
setFlagsFromString('--allow-natives-syntax')
const settlePromises = new Function('%PerformMicrotaskCheckpoint()') as () => void

/** Throws unless promises can be settled here, that is on a turn of the event loop and not inside a promise. */
export function mustSettle(): void {
  let settled = false
  void Promise.resolve().then(() => { settled = true })
  settlePromises()
  if (!settled) throw new Error('a simulation must be started from a macrotask, for example by setImmediate')
}

/** Virtual time: a heap of events, and a running hash over everything that happened. Entirely synchronous. */
export class Scheduler {
  nowUs = 0
  /** Events that ran so far. */
  events = 0
  readonly #heap: Event[] = []
  #sequence = 0
  #hashA = 0x811c9dc5
  #hashB = 0x9747b28c

  /** Of everything that was mixed in: equal seeds must give equal hashes. */
  get traceHash(): string {
    return [this.#hashA, this.#hashB].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  /** Adds a number to the trace. */
  mix(value: number): void {
    this.#hashA = Math.imul(this.#hashA ^ (value | 0), 0x01000193)
    this.#hashB = Math.imul((this.#hashB << 13) | (this.#hashB >>> 19), 5) + Math.imul(value | 0, 0xcc9e2d51) | 0
  }

  /** Adds bytes to the trace: length and every fourth byte, which no two different messages of one kind share by chance for long. */
  mixBytes(bytes: Uint8Array): void {
    this.mix(bytes.length)
    let hash = this.#hashA
    for (let at = 3; at < bytes.length; at += 4) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
    this.#hashA = hash
  }

  /** Runs `run` after `delayUs`, unless `life` has ended by then or it is cancelled. */
  schedule(delayUs: number, life: Life | undefined, run: () => void): Event {
    const event: Event = { at: this.nowUs + Math.max(0, Math.floor(delayUs)), sequence: this.#sequence++, life, run, cancelled: false }
    this.#push(event)
    return event
  }

  /** Runs the next event and everything its promises bring about. Returns the node it belonged to (0: none), undefined when `untilUs` is reached. */
  step(untilUs: number): number | undefined {
    for (;;) {
      const event = this.#heap[0]
      if (event === undefined || event.at > untilUs) {
        this.nowUs = Math.max(this.nowUs, untilUs)
        return undefined
      }
      this.#pop()
      const { life } = event
      if (event.cancelled || life?.alive === false) continue
      if (life !== undefined && life.pausedUntil > event.at) {
        this.#push({ ...event, at: life.pausedUntil, sequence: this.#sequence++ })
        continue
      }
      this.nowUs = event.at
      this.events++
      this.mix(event.at)
      this.mix(life?.node ?? 0)
      event.run()
      settlePromises()
      return life?.node ?? 0
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}
