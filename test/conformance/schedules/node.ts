import { DEFAULT_RAFT_OPTIONS } from '../../../consensus/core/config.ts'
import type { RaftOptions } from '../../../consensus/core/config.ts'
import type { Input, RaftStatus, StepRefusal } from '../../../consensus/core/effects.ts'
import { NOBODY } from '../../../consensus/core/message.ts'
import type { Append, Message } from '../../../consensus/core/message.ts'
import { Raft } from '../../../consensus/core/raft.ts'
import { configurationOf } from '../../../consensus/core/reconfiguration.ts'
import { MemoryLog } from '../../helpers/raft-disk.ts'
import { decodeContent } from './content.ts'

/** Everything that one action of a node sent to one other: CCF sends a single message where we may send several. */
export interface Bundle { readonly to: number; readonly messages: readonly Message[] }

/** Milliseconds of the schedules that make one tick: CCF's nodes send every 10 ms and campaign after 100. */
export const TICK_MS = 10
export const ELECTION_TICKS = 10

/**
 * One core with a disk and a state machine that answer at once. As in CCF, new entries and commit indexes travel with the next period of the leader, not at once, so that
 * "replicate" and "periodic" of a schedule mean what they mean there; answers to a follower that lags leave at once in both.
 */
export class ScheduleNode {
  readonly id: number
  readonly name: string
  readonly log = new MemoryLog()
  readonly raft: Raft
  outbox: Bundle[] = []
  #collected: Message[] = []
  #held: Message[] = []
  #holds: (append: Append) => boolean = () => false
  readonly #onStep: (node: ScheduleNode) => void

  /** `term`: what it begins in; CCF's start node opens term 2 with its first election. `first`: the nodes the network starts with. `onStep` is called after each input, before anything committed is applied. */
  constructor(id: number, name: string, term: number, first: readonly number[], options: Partial<RaftOptions>, onStep: (node: ScheduleNode) => void) {
    this.id = id
    this.name = name
    this.#onStep = onStep
    const config = { ...DEFAULT_RAFT_OPTIONS, maxUncommittedEntries: 1000, maxInflightMessages: 1000, ...options, electionTicks: ELECTION_TICKS, heartbeatTicks: 1 }
    this.raft = new Raft({ ...config, id, configuration: configurationOf(first), hardState: { term, vote: NOBODY, commit: 0 }, applied: 0, refusals: [], jitter: 0 }, this.log)
  }

  get status(): RaftStatus { return this.raft.status() }

  /** Gives one input; what it sends is one bundle per receiver. */
  act(input: Input): StepRefusal | undefined {
    const refusal = this.#input(input)
    this.#bundle()
    return refusal
  }

  /** Takes all messages of a bundle; the answers to each node are one bundle again. */
  receive(messages: readonly Message[]): void {
    for (const message of messages) this.#input({ type: 'message', message })
    this.#bundle()
  }

  /** Lets time pass. What was held back leaves with the period. `again`: called when the ticks are over; true for more of them. */
  period(ticks: number, jitter: number, again: () => boolean = () => false): void {
    if (ticks > 0) {
      this.#collected.push(...this.#held)
      this.#held = []
    }
    do {
      for (let tick = 0; tick < ticks; tick++) this.#input({ type: 'tick', jitter })
    } while (again())
    this.#bundle()
  }

  #input(input: Input): StepRefusal | undefined {
    const isAck = input.type === 'message' && input.message.type === 'appendAck'
    const holdsAll = input.type === 'submit' || input.type === 'reconfigure' || (isAck && !this.#answersProbe(input.message))
    this.#holds = ({ entries }) => holdsAll || (isAck && entries.length === 0)
    const before = this.status.role
    const refusal = this.#step(input)
    while (this.raft.hasEffects()) this.#carryOut()
    if (before === 'leader' && this.status.role !== 'leader') this.#held = []
    return refusal
  }

  /** The answer to a probe lets go what was held back behind it: CCF sends that without waiting. */
  #answersProbe({ from }: Message): boolean {
    return this.status.peers.find(({ id }) => id === from)?.state === 'probe'
  }

  #step(input: Input): StepRefusal | undefined {
    const refusal = this.raft.step(input)
    const { lastIndex, lastTerm } = this.raft.status()
    this.raft.step({ type: 'executed', index: lastIndex, term: lastTerm })
    this.#onStep(this)
    return refusal
  }

  #carryOut(): void {
    const { persist, messages, committed } = this.raft.takeEffects()
    for (const message of messages) (message.type === 'append' && this.#holds(message) ? this.#held : this.#collected).push(message)
    if (persist !== undefined) {
      if (persist.truncateFrom !== undefined) this.log.truncate(persist.truncateFrom)
      for (const entry of persist.entries) this.log.append(entry)
      this.#step({ type: 'stored', batch: persist.batch })
    }
    for (const entry of committed) {
      if (entry.kind === 'reconfiguration') this.#step({ type: 'reconfigured', change: decodeContent(entry)?.change ?? { transition: 'auto', changes: [] } })
      this.#step({ type: 'applied', index: entry.index })
    }
  }

  #bundle(): void {
    for (const to of new Set(this.#collected.map((message) => message.to))) {
      const messages = this.#collected.filter((message) => message.to === to)
      const waiting = this.outbox.findIndex((bundle) => bundle.to === to && bundle.messages.every(({ type }) => type === 'heartbeat'))
      // Entries join a heartbeat that has not left yet.
      if (waiting >= 0 && messages.every(({ type }) => type === 'append')) this.outbox[waiting] = { to, messages: [...this.outbox[waiting]?.messages ?? [], ...messages] }
      else this.outbox.push({ to, messages })
    }
    this.#collected = []
  }
}
