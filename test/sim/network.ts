import type { Transport } from '../../consensus/ports.ts'
import { SeededRandom } from '../helpers/raft-random.ts'
import type { Life, Scheduler } from './scheduler.ts'

type Handler = (from: number, channel: 'control' | 'append', frame: Uint8Array) => void
interface Endpoint { readonly life: Life; readonly onFrame: Handler; readonly onPeerChange: (node: number, connected: boolean) => void }

/** Rates of what befalls each message, each in [0, 1]; delays in µs. */
export interface NetworkFaults {
  loss: number
  duplicate: number
  /** Old messages of any earlier time that are delivered once more. */
  replay: number
  /** A frame arrives cut short or with a changed byte. */
  garble: number
  delayMeanUs: number
  /** False: messages of one line overtake each other. */
  ordered: boolean
}

/** First byte of a frame that carries an attestation, as in `node/raft-lines.ts`. */
export const ATTESTATION_FRAME = 0x40
const REMEMBERED_FRAMES_MAX = 256

/** Lines between simulated nodes: delay, loss, order, copies, replays, cuts in one or both directions. */
export class SimNetwork {
  readonly faults: NetworkFaults = { loss: 0, duplicate: 0, replay: 0, garble: 0, delayMeanUs: 1000, ordered: true }
  /** Directed lines `from * 64 + to` that lose everything. */
  readonly cut = new Set<number>()
  /** Frames on their way are changed here by a lying node; several frames stand for equivocation. */
  tamper: ((from: number, to: number, frame: Uint8Array) => readonly Uint8Array[]) | undefined
  /** Sees every frame as it leaves an honest node, before the network does anything to it. */
  onSend: (from: number, to: number, frame: Uint8Array) => void = () => undefined
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #endpoints = new Map<number, Endpoint>()
  readonly #lastArrival = new Map<number, number>()
  readonly #remembered: { readonly from: number; readonly to: number; readonly channel: 'control' | 'append'; readonly frame: Uint8Array }[] = []

  constructor(scheduler: Scheduler, seed: number) {
    this.#scheduler = scheduler
    this.#random = new SeededRandom(seed)
  }

  /** The line of one life of a node. It hears only whom it `admits`. `onAttestation` gets what is not Raft's. */
  attach(life: Life, others: readonly number[], admits: (from: number) => boolean, onAttestation: (from: number, bytes: Uint8Array) => void): Transport & { broadcast(attestation: Uint8Array): void } {
    let handler: Handler = () => undefined
    let peerHandler: (node: number, connected: boolean) => void = () => undefined
    this.#endpoints.set(life.node, {
      life,
      onFrame: (from, channel, frame) => {
        if (!admits(from)) return
        if (frame[0] === ATTESTATION_FRAME) onAttestation(from, frame.subarray(1))
        else handler(from, channel, frame)
      },
      onPeerChange: (node, connected) => peerHandler(node, connected),
    })
    return {
      send: (to, channel, frame) => this.send(life, to, channel, frame),
      onMessage: (given) => { handler = given },
      onPeerChange: (given) => { peerHandler = given },
      blame: (node) => this.#disconnect(life.node, node),
      broadcast: (attestation) => {
        const frame = new Uint8Array(attestation.length + 1)
        frame[0] = ATTESTATION_FRAME
        frame.set(attestation, 1)
        for (const to of others) this.send(life, to, 'control', frame)
      },
    }
  }

  send(life: Life, to: number, channel: 'control' | 'append', frame: Uint8Array): boolean {
    if (!life.alive) return false
    const from = life.node
    this.onSend(from, to, frame)
    if (this.tamper === undefined) this.#transmit(from, to, channel, frame)
    else for (const sent of this.tamper(from, to, frame)) this.#transmit(from, to, channel, sent)
    return true
  }

  /** Runs `work` at `to` after a message's delay, and `done` with its answer after another; lost like any message. For what is not Raft: transactions, repair. */
  call<Answer>(life: Life, to: number, work: () => Answer, done: (answer: Answer) => void): void {
    if (this.#lost(life.node, to)) return
    this.#scheduler.schedule(this.#delay(), undefined, () => {
      const endpoint = this.#endpoints.get(to)
      if (endpoint === undefined || !endpoint.life.alive || endpoint.life.pausedUntil > this.#scheduler.nowUs || this.#lost(to, life.node)) return
      const answer = work()
      this.#scheduler.schedule(this.#delay(), life, () => done(answer))
    })
  }

  /** A process ended: its peers notice when the system closes the connections, unless a cut hides it. */
  ended(node: number): void {
    for (const [other, endpoint] of this.#endpoints) {
      if (other === node || this.cut.has(node * 64 + other)) continue
      this.#scheduler.schedule(this.#delay(), endpoint.life, () => endpoint.onPeerChange(node, false))
    }
  }

  /** Delivers something old once more. */
  replayOne(): void {
    if (this.#remembered.length === 0) return
    const { from, to, channel, frame } = this.#random.pick(this.#remembered)
    this.#deliver(from, to, channel, frame, this.#delay())
  }

  #transmit(from: number, to: number, channel: 'control' | 'append', frame: Uint8Array): void {
    const { faults } = this
    const random = this.#random
    const lost = this.#lost(from, to)
    const slot = random.below(REMEMBERED_FRAMES_MAX)
    if (faults.replay > 0) this.#remembered[this.#remembered.length < REMEMBERED_FRAMES_MAX ? this.#remembered.length : slot] = { from, to, channel, frame }
    if (lost) return
    this.#deliver(from, to, channel, random.chance(faults.garble) ? this.#garbled(frame) : frame, this.#arrival(from * 64 + to))
    if (random.chance(faults.duplicate)) this.#deliver(from, to, channel, frame, this.#delay())
    if (random.chance(faults.replay)) this.replayOne()
  }

  #deliver(from: number, to: number, channel: 'control' | 'append', frame: Uint8Array, delayUs: number): void {
    // The life that is there when the message arrives gets it: nodes come back under the same address.
    this.#scheduler.schedule(delayUs, undefined, () => {
      const endpoint = this.#endpoints.get(to)
      if (endpoint?.life.alive !== true) return
      const rest = endpoint.life.pausedUntil - this.#scheduler.nowUs
      if (rest > 0) {
        this.#scheduler.schedule(rest, endpoint.life, () => this.#hand(endpoint, from, channel, frame))
        return
      }
      this.#hand(endpoint, from, channel, frame)
    })
  }

  #hand(endpoint: Endpoint, from: number, channel: 'control' | 'append', frame: Uint8Array): void {
    this.#scheduler.mix(from * 64 + endpoint.life.node)
    this.#scheduler.mixBytes(frame)
    this.touched = endpoint.life.node
    endpoint.onFrame(from, channel, frame)
  }

  /** The node that got the newest frame: for the checks after the step. */
  touched = 0

  #lost(from: number, to: number): boolean {
    const drawn = this.#random.chance(this.faults.loss)
    return drawn || (this.cut.size > 0 && this.cut.has(from * 64 + to))
  }

  #arrival(line: number): number {
    const delay = this.#delay()
    if (!this.faults.ordered) return delay
    const at = Math.max(this.#scheduler.nowUs + delay, this.#lastArrival.get(line) ?? 0)
    this.#lastArrival.set(line, at)
    return at - this.#scheduler.nowUs
  }

  #delay(): number {
    return 50 + Math.min(-Math.log(1 - this.#random.next()) * this.faults.delayMeanUs, 20 * this.faults.delayMeanUs)
  }

  #garbled(frame: Uint8Array): Uint8Array {
    return frame.slice(0, this.#random.below(frame.length))
  }

  #disconnect(a: number, b: number): void {
    for (const [node, other] of [[a, b], [b, a]] as const) {
      const endpoint = this.#endpoints.get(node)
      if (endpoint !== undefined) this.#scheduler.schedule(0, endpoint.life, () => endpoint.onPeerChange(other, false))
    }
  }
}
