import { pause } from './faults.ts'
import type { Recorder } from './recorder.ts'
import type { Register, Workload } from './workload.ts'

/** Registers in use at once, and the operations after which one gives way to a new one: shorter histories are checked sooner. */
const REGISTERS = 6
const OPERATIONS_PER_REGISTER = 250
/** Longest time a client thinks between two operations, in ms. */
const THINK_MS_MAX = 20

/** Clients that use the same registers at once until told to stop. */
export class Clients {
  readonly #workload: Workload
  readonly #recorder: Recorder
  readonly #choose: (below: number) => number
  readonly #members: number
  readonly #registers: { readonly register: Register; left: number }[] = []
  readonly #all: Register[] = []
  #processes = 0
  #running: Promise<void>[] = []
  operations = 0

  constructor(workload: Workload, recorder: Recorder, choose: (below: number) => number, members: number) {
    this.#workload = workload
    this.#recorder = recorder
    this.#choose = choose
    this.#members = members
  }

  /** Every register that was ever used. */
  get registers(): readonly Register[] { return this.#all }

  /** Resolves when the first registers stand on the ledger and clients use them. Clients end some time after `signal` aborts; `stopped` waits for that. */
  async start(count: number, signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: REGISTERS }, () => this.#replace(undefined, signal)))
    this.#running = Array.from({ length: count }, () => this.#run(signal))
  }

  async stopped(): Promise<void> {
    await Promise.all(this.#running)
  }

  /** One read of each register by a process of its own. */
  async readAll(registers: readonly Register[] = this.#all): Promise<void> {
    const process = this.#processes++
    for (const register of registers) await this.#recorder.record(process, register.key, { f: 'read' }, () => register.run({ f: 'read' }))
  }

  async #run(signal: AbortSignal): Promise<void> {
    let process = this.#processes++
    while (!signal.aborted) {
      const use = this.#registers[this.#choose(this.#registers.length)]!
      if (use.left-- === 0) await this.#replace(use, signal)
      const request = use.register.next(this.#choose)
      const completion = await this.#recorder.record(process, use.register.key, request, () => use.register.run(request))
      this.operations++
      // An unknown operation may still happen: whoever asked for it goes on under another name, as in Jepsen.
      if (completion.type === 'unknown') process = this.#processes++
      await pause(this.#choose(THINK_MS_MAX), signal)
    }
  }

  /** Puts a new register in the place of an old one as soon as the ledger takes it; the old one is used on until then. */
  async #replace(old: { left: number } | undefined, signal: AbortSignal): Promise<void> {
    const member = this.#choose(this.#members)
    const made = await (this.#choose(2) === 0 ? this.#workload.attribute(member) : this.#workload.consent(member))
    if (made === undefined) {
      if (old === undefined && !signal.aborted) return this.#replace(old, signal)
      if (old !== undefined) old.left = OPERATIONS_PER_REGISTER / 5
      return
    }
    if (made.initial !== null) await this.#recorder.record(this.#processes++, made.key, { f: 'write', value: made.initial }, async () => ({ type: 'ok' }))
    this.#all.push(made)
    const place = this.#registers.findIndex((each) => each === old)
    this.#registers.splice(place === -1 ? this.#registers.length : place, place === -1 ? 0 : 1, { register: made, left: OPERATIONS_PER_REGISTER })
  }
}
