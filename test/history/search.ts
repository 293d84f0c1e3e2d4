import type { Model } from './models.ts'
import type { Operation, Value } from './operation.ts'
import { BitSet, Visited } from './visited.ts'

export type Verdict = 'linearizable' | 'not-linearizable' | 'undecided'

/** What a search may use. */
export interface Limits {
  /** Reading of a monotonic clock in ms after which the answer is `undecided`. */
  readonly deadlineMs: number
  /** Bytes of the table of visited pairs, with the distinct states. */
  readonly memoryBytesMax: number
  /** Steps of one search; `Infinity` for as many as it takes. */
  readonly stepsMax: number
  readonly nowMs: () => number
}

export interface SearchResult {
  readonly verdict: Verdict
  readonly steps: number
  /** Operations in the longest order that was found possible, in that order: where it ends, the trouble begins. */
  readonly longest: readonly Operation[]
}

interface Link { next: Event | undefined }
/** A call or a return in the doubly linked list of what is not linearized yet; `other` is the return of a call. */
interface Event extends Link { readonly id: number; readonly operation: Operation; readonly isCall: boolean; readonly other: Event | undefined; prev: Link }
/** An operation that was done, the state before it, and whether there was a choice. */
interface Step { readonly event: Event; readonly state: number; readonly forced: boolean }

const STEPS_BETWEEN_LOOKS = 2048

/**
 * Decides whether the operations on one key, ordered by call, could have happened one at a time, each between its call and its return. Depth first over the
 * operations that may be next, never twice into the same pair of (operations done, state). Unknown operations may be done or left out.
 * Source: Wing, Gong, "Testing and Verifying Concurrent Objects", 1993; Lowe, "Testing for Linearizability", 2017, as in Athalye's porcupine.
 */
export function search(operations: readonly Operation[], model: Model, limits: Limits): SearchResult {
  return new Search(operations, model, limits).run()
}

class Search {
  readonly #model: Model
  readonly #limits: Limits
  readonly #head: Link
  readonly #states: States
  readonly #done: BitSet
  readonly #visited = new Visited()
  readonly #path: Step[] = []
  #state = 0
  #returnsLeft: number
  #longest: readonly Operation[] = []

  constructor(operations: readonly Operation[], model: Model, limits: Limits) {
    this.#model = model
    this.#limits = limits
    this.#head = linkedEvents(operations)
    this.#states = new States(model.initial)
    this.#done = new BitSet(operations.length)
    this.#returnsLeft = operations.filter((operation) => operation.return !== Infinity).length
  }

  run(): SearchResult {
    let steps = 0
    this.#observe()
    let event = this.#head.next
    while (this.#returnsLeft > 0) {
      if (++steps % STEPS_BETWEEN_LOOKS === 0 && this.#isOverLimit(steps)) return { verdict: 'undecided', steps, longest: this.#longest }
      if (event!.isCall) {
        event = this.#maybeDo(event!) ? this.#head.next : event!.next
      } else {
        // A return whose call is not done yet: nothing more can be tried before it.
        const undone = this.#undo()
        if (undone === undefined) return { verdict: 'not-linearizable', steps, longest: this.#longest }
        event = undone.next
      }
    }
    return { verdict: 'linearizable', steps, longest: this.#path.map(({ event: { operation } }) => operation) }
  }

  #isOverLimit(steps: number): boolean {
    return steps > this.#limits.stepsMax || this.#visited.bytes + this.#states.bytes > this.#limits.memoryBytesMax || this.#limits.nowMs() >= this.#limits.deadlineMs
  }

  #next({ operation }: Event): number | undefined {
    const next = this.#model.step(this.#states.value(this.#state), operation)
    return next === undefined ? undefined : this.#states.idOf(next)
  }

  /** Does the operation unless it cannot come now, changes nothing that it must, or leads where the search has been. */
  #maybeDo(event: Event): boolean {
    const next = this.#next(event)
    if (next === undefined) return false
    // Doing an unknown operation that changes nothing leads nowhere that leaving it out does not.
    if (event.other === undefined && next === this.#state) return false
    this.#done.flip(event.id)
    const isNew = this.#visited.add(this.#done, next)
    this.#done.flip(event.id)
    if (!isNew) return false
    this.#do(event, next, false)
    this.#observe()
    return true
  }

  /** Does every open operation that only observes and saw the present state. Where it could come later it can come now as well, so there is no choice to come back to. */
  #observe(): void {
    for (let event = this.#head.next; event?.isCall; event = event.next) {
      if (isObserver(event.operation) && this.#next(event) === this.#state) this.#do(event, this.#state, true)
    }
  }

  #do(event: Event, next: number, forced: boolean): void {
    this.#path.push({ event, state: this.#state, forced })
    this.#state = next
    this.#done.flip(event.id)
    if (event.other !== undefined) this.#returnsLeft--
    lift(event)
  }

  /** Takes back everything up to the last choice, and gives its event; undefined when no choice is left. */
  #undo(): Event | undefined {
    if (this.#path.length > this.#longest.length) this.#longest = this.#path.map(({ event: { operation } }) => operation)
    for (let last = this.#path.pop(); last !== undefined; last = this.#path.pop()) {
      const { event, state, forced } = last
      this.#state = state
      this.#done.flip(event.id)
      if (event.other !== undefined) this.#returnsLeft++
      unlift(event)
      if (!forced) return event
    }
    return undefined
  }
}

/** An operation that changes nothing in any state in which it can have had its outcome. */
function isObserver({ request, outcome }: Operation): boolean {
  return outcome.type === 'fail' || (request.f === 'read' && outcome.type === 'ok')
}

/** Small numbers for the distinct states of a search. */
class States {
  readonly #ids = new Map<Value, number>()
  readonly #values: Value[] = []
  bytes = 0

  constructor(initial: Value) {
    this.idOf(initial)
  }

  value(id: number): Value { return this.#values[id]! }

  idOf(value: Value): number {
    const known = this.#ids.get(value)
    if (known !== undefined) return known
    this.#ids.set(value, this.#values.length)
    this.bytes += 64 + (typeof value === 'string' ? 2 * value.length : 0)
    return this.#values.push(value) - 1
  }
}

/** Calls and returns in the order of the history behind a head; unknown operations have no return. */
function linkedEvents(operations: readonly Operation[]): Link {
  const head: Link = { next: undefined }
  const events = operations.flatMap((operation, id) => {
    const event = { id, operation, prev: head, next: undefined }
    if (operation.return === Infinity) return [{ place: operation.call, event: { ...event, isCall: true, other: undefined } }]
    const other: Event = { ...event, isCall: false, other: undefined }
    return [{ place: operation.call, event: { ...event, isCall: true, other } }, { place: operation.return, event: other }]
  }).sort((a, b) => a.place - b.place)
  let last = head
  for (const { event } of events as { event: Event }[]) {
    last.next = event
    event.prev = last
    last = event
  }
  return head
}

function lift(call: Event): void {
  for (const event of call.other === undefined ? [call] : [call, call.other]) {
    event.prev.next = event.next
    if (event.next !== undefined) event.next.prev = event.prev
  }
}

/** Puts back what `lift` took out, in reverse. */
function unlift(call: Event): void {
  for (const event of call.other === undefined ? [call] : [call.other, call]) {
    event.prev.next = event
    if (event.next !== undefined) event.next.prev = event
  }
}
