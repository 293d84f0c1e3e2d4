import { DEFAULT_RAFT_OPTIONS } from '../../consensus/core/config.ts'
import type { RaftConfig } from '../../consensus/core/config.ts'
import type { Effects, Input, RaftStatus, StepRefusal } from '../../consensus/core/effects.ts'
import type { Entry, Message } from '../../consensus/core/message.ts'
import type { CoreObserver } from '../../consensus/core/observer.ts'
import { Raft } from '../../consensus/core/raft.ts'
import { configurationOf } from '../../consensus/core/reconfiguration.ts'
import { MemoryLog } from './raft-disk.ts'

/** An entry whose data is `text`. */
export function block(index: number, term: number, text = `b${index}`): Entry {
  return { index, term, kind: 'block', data: new TextEncoder().encode(text) }
}

type Body<Type extends Message['type']> = Omit<Extract<Message, { readonly type: Type }>, 'to' | 'type'>

export interface BareOptions extends Partial<RaftConfig> {
  readonly observer?: CoreObserver
  /** Terms of the stored entries from index 1. */
  readonly terms?: readonly number[]
  readonly voters?: readonly number[]
}

/** One core alone, against messages the test writes by hand. Disk and execution answer at once unless the test holds them. */
export class BareNode {
  readonly raft: Raft
  readonly log = new MemoryLog()
  readonly id: number
  /** Everything sent so far, oldest first. */
  sent: Message[] = []
  effects: Effects[] = []
  holdDisk = false
  holdExecution = false
  #batch = 0

  constructor({ terms = [], voters = [1, 2, 3], observer, ...config }: BareOptions = {}) {
    this.id = config.id ?? 1
    for (const [i, term] of terms.entries()) this.log.append(block(i + 1, term))
    this.raft = new Raft({
      ...DEFAULT_RAFT_OPTIONS, id: this.id, configuration: configurationOf(voters), hardState: { term: terms.at(-1) ?? 0, vote: 0, commit: 0 }, applied: 0, refusals: [], jitter: 0, ...config,
    }, this.log, { observer })
    this.#executeAll()
  }

  get status(): RaftStatus { return this.raft.status() }
  get terms(): number[] { return Array.from({ length: this.status.lastIndex }, (_, i) => Number(this.#term(i + 1))) }

  step(input: Input): StepRefusal | undefined {
    const refusal = this.raft.step(input)
    while (this.raft.hasEffects()) {
      const effects = this.raft.takeEffects()
      this.effects.push(effects)
      this.sent.push(...effects.messages)
      if (effects.persist !== undefined) {
        const { batch, entries, truncateFrom } = effects.persist
        if (truncateFrom !== undefined) this.log.truncate(truncateFrom)
        for (const entry of entries) this.log.append(entry)
        this.#batch = batch
        if (!this.holdDisk) this.raft.step({ type: 'stored', batch })
      }
      if (!this.holdExecution) this.#executeAll()
      const last = effects.committed.at(-1)
      if (last !== undefined) this.raft.step({ type: 'applied', index: last.index })
    }
    return refusal
  }

  /** A message to this node. */
  receive<Type extends Message['type']>(type: Type, body: Body<Type>): StepRefusal | undefined {
    return this.step({ type: 'message', message: { ...body, type, to: this.id } as unknown as Message })
  }

  /** Everything handed out so far is durable. */
  sync(): void {
    this.step({ type: 'stored', batch: this.#batch })
  }

  executeTo(index: number): void {
    this.step({ type: 'executed', index, term: this.#term(index) })
  }

  /** Wins an election with the votes of `voters`. */
  lead(...voters: number[]): void {
    this.step({ type: 'campaign' })
    for (const from of voters) this.receive('preVoteAnswer', { from, term: this.status.term + 1, granted: true })
    for (const from of voters) this.receive('voteAnswer', { from, term: this.status.term, granted: true })
  }

  /** What was sent since the last call, of one type. */
  take<Type extends Message['type']>(type: Type): Extract<Message, { readonly type: Type }>[] {
    const all = this.sent
    this.sent = []
    return all.filter((message): message is Extract<Message, { readonly type: Type }> => message.type === type)
  }

  #executeAll(): void {
    const { executedIndex, lastIndex } = this.raft.status()
    for (let index = executedIndex + 1; index <= lastIndex; index++) this.raft.step({ type: 'executed', index, term: this.#term(index) })
  }

  #term(index: number): number {
    const term = this.log.term(index)
    if (typeof term !== 'number') throw new Error(`entry ${index} is not written`)
    return term
  }
}
