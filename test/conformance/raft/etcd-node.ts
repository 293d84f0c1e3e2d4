import { DEFAULT_RAFT_OPTIONS } from '../../../consensus/core/config.ts'
import type { RaftOptions } from '../../../consensus/core/config.ts'
import type { Input, Persist, RaftStatus, Role, StepRefusal } from '../../../consensus/core/effects.ts'
import type { Entry, Message } from '../../../consensus/core/message.ts'
import type { CoreObserver } from '../../../consensus/core/observer.ts'
import { Raft } from '../../../consensus/core/raft.ts'
import { nodesOf } from '../../../consensus/core/reconfiguration.ts'
import { MemoryLog } from '../../helpers/raft-disk.ts'
import { HeldAnswers } from './held-answers.ts'
import { FIRST_TERM, decodeChange, encodeChange, envelopeOf } from './messages.ts'
import type { Envelope, Proposal, Snapshot } from './messages.ts'
import { Narrator } from './narrator.ts'
import type { Conflict } from './narrator.ts'
import type { Level } from './output.ts'

/** etcd's unit of work for the caller. `batch`: the core's newest batch that is in it. */
export interface Ready {
  readonly softState: { readonly leader: number; readonly role: Role } | undefined
  readonly hardState: HardState | undefined
  readonly mustSync: boolean
  readonly entries: readonly Entry[]
  readonly truncateFrom: number | undefined
  readonly snapshot: Snapshot | undefined
  readonly committed: readonly Entry[]
  readonly messages: readonly Envelope[]
  /** Answers that wait for the write of this Ready. */
  readonly answers: readonly Message[]
  readonly batch: number
}

export interface HardState { readonly term: number; readonly vote: number; readonly commit: number }

/** Serves a snapshot of the newest applied state, as etcd's harness does. */
class ServedLog extends MemoryLog {
  newest: Snapshot

  constructor(snapshot: Snapshot) {
    super()
    this.newest = snapshot
    this.base = { index: snapshot.index, term: snapshot.term }
  }

  snapshot(): { index: number; term: number } { return this.newest }
}

/**
 * One of our cores behind the interface of etcd's `RawNode`: proposals are forwarded to the leader, a refused change of the configuration becomes an empty entry, what is to be
 * done is gathered until the next `Ready`. Execution is immediate, because etcd knows none.
 */
export class EtcdNode {
  readonly id: number
  readonly async: boolean
  readonly raft: Raft
  /** What the core reads; ahead of `disk` only while a snapshot waits to be written. */
  readonly view: ServedLog
  readonly disk: MemoryLog
  readonly #answers = new HeldAnswers()
  readonly #narrator: Narrator
  #outbox: Envelope[] = []
  #persists: Persist[] = []
  #committed: Entry[] = []
  #snapshot: Snapshot | undefined
  /** A snapshot has replaced the view and is not on the disk yet. */
  #snapshotPending = false
  #batch = 0
  /** Terms of the entries that the core has appended, written or not. */
  readonly #terms = new Map<number, number>()
  #shown: { soft: { leader: number; role: Role }; hard: HardState }
  readonly #history: Snapshot[]

  constructor(id: number, start: Snapshot, options: Partial<RaftOptions>, async: boolean, log: (level: Level, text: string) => void, observer?: CoreObserver) {
    this.id = id
    this.async = async
    const { checkQuorum = false, electionTicks = DEFAULT_RAFT_OPTIONS.electionTicks, leaseReads = false, preVote = false } = options
    const termAt = (index: number): number => Number(this.view.term(index)) || 0
    this.#narrator = new Narrator(log, { checkQuorum, electionTicks, leaseReads, preVote, termAt })
    this.view = new ServedLog(start)
    this.disk = new MemoryLog()
    this.disk.base = { ...this.view.base }
    this.#history = [start]
    const hard = { term: FIRST_TERM, vote: 0, commit: start.index }
    this.#shown = { soft: { leader: 0, role: 'follower' }, hard }
    this.raft = new Raft({ ...DEFAULT_RAFT_OPTIONS, ...options, id, configuration: start.configuration, hardState: hard, applied: start.index, refusals: [], jitter: 0 }, this.view, {
      answers: this.#answers,
      observer: (node, event) => {
        observer?.(node, event)
        if (event.type !== 'started') this.#narrator.observe(node, event, () => this.raft.status())
      },
    })
    this.#narrator.started(this.raft.status())
  }

  get status(): RaftStatus { return this.raft.status() }
  get newestSnapshot(): Snapshot { return this.view.newest }

  /** Gives the core one input, and reports at once that what it holds now is executed. */
  step(input: Input): StepRefusal | undefined {
    const status = (): RaftStatus => this.raft.status()
    this.#narrator.before(input, status)
    const refusal = this.raft.step(input)
    this.#narrator.after(input, refusal, status)
    const { lastIndex, lastTerm } = this.raft.status()
    this.raft.step({ type: 'executed', index: lastIndex, term: lastTerm })
    return refusal
  }

  /** Takes a message; what etcd would return as an error. */
  receive({ index = 0, logTerm = 0, payload, snapshot, type }: Envelope): string | undefined {
    switch (payload?.kind) {
      case undefined: return undefined
      case 'core': return this.#receive(payload.message, snapshot, type)
      case 'proposal': return this.propose(payload.content)
      case 'transfer':
        if (payload.term === this.status.term) this.transfer(payload.to)
        return undefined
      case 'stored':
        this.#narrator.stored(this.status, { term: payload.term, index, logTerm, termAt: this.#termAt(index) })
        // As in etcd, a write that was started in an earlier term confirms nothing; a later one will.
        if (payload.term === this.status.term) this.step({ type: 'stored', batch: payload.batch })
        return undefined
      case 'applied': this.step({ type: 'applied', index: payload.index }); return undefined
    }
  }

  propose(content: Proposal): string | undefined {
    const { role, leader, term, transferringTo } = this.status
    if (role !== 'leader') return this.#forward(leader, { type: 'MsgProp', from: this.id, term: 0, entries: [proposedEntry(content)], payload: { kind: 'proposal', content } })
    let refusal: StepRefusal | undefined
    if ('data' in content) refusal = this.step({ type: 'submit', term, data: [content.data] })
    else refusal = this.step({ type: 'reconfigure', term, change: content.change, data: encodeChange(content.change, content.v1) })
    if (refusal !== undefined && 'change' in content && transferringTo === 0) {
      this.#narrator.ignoredChange(this.status, content.change, refusal)
      refusal = this.step({ type: 'submit', term, data: [new Uint8Array(0)] })
    }
    return refusal === undefined ? undefined : 'raft proposal dropped'
  }

  transfer(to: number): void {
    const { role, leader, term } = this.status
    if (role === 'leader') this.step({ type: 'transferLeader', to })
    else this.#forward(leader, { type: 'MsgTransferLeader', from: to, term, payload: { kind: 'transfer', term, to } })
  }

  hasReady(): boolean {
    this.#gather()
    return this.#softStateChanged() || this.#hardStateChanged() || this.#snapshot !== undefined || this.#outbox.length > 0 || this.#answers.waiting > 0
      || this.#persists.some(({ entries }) => entries.length > 0) || this.#committed.length > 0
  }

  /** Everything to be done since the last one. Without threads, the log is written here, because etcd hands out entries that are committed and not stored yet together with their write. */
  ready(): Ready {
    this.#gather()
    const { entries, truncateFrom } = mergePersists(this.#persists)
    this.#persists = []
    const snapshot = this.#snapshot
    this.#snapshot = undefined
    if (!this.async) {
      this.write(entries, truncateFrom, snapshot)
      if (this.#batch > 0) this.step({ type: 'stored', batch: this.#batch })
      this.#gather()
    }
    const { leader, role, term, vote, committedIndex: commit } = this.status
    const before = this.#shown.hard
    const softState = this.#softStateChanged() ? { leader, role } : undefined
    const hardState = this.#hardStateChanged() ? { term, vote, commit } : undefined
    this.#shown = { soft: { leader, role }, hard: hardState ?? before }
    const [messages, committed] = [this.#outbox, this.#committed]
    this.#outbox = []
    this.#committed = []
    const mustSync = entries.length > 0 || term !== before.term || vote !== before.vote
    return { softState, hardState, mustSync, entries, truncateFrom, snapshot, committed, messages, answers: this.#answers.take(), batch: this.#batch }
  }

  /** Puts a Ready's part of the log on the disk. */
  write(entries: readonly Entry[], truncateFrom: number | undefined, snapshot: Snapshot | undefined): void {
    if (snapshot !== undefined) {
      this.#snapshotPending = false
      this.disk.entryList = []
      this.disk.base = { index: snapshot.index, term: snapshot.term }
      return
    }
    // Work that was handed out before a snapshot replaced the log is no concern of the core's view any more.
    const logs = this.#snapshotPending ? [this.disk] : [this.disk, this.view]
    for (const log of logs) {
      if (truncateFrom !== undefined) log.truncate(truncateFrom)
      for (const entry of entries) log.append(entry)
    }
  }

  /** Applies committed entries: a state machine that only counts, and the configuration. */
  apply(entries: readonly Entry[]): void {
    for (const { data, index, kind, term } of entries) {
      let { configuration } = this.view.newest
      if (kind === 'reconfiguration') {
        const refusal = this.step({ type: 'reconfigured', change: decodeChange(data).change })
        if (refusal !== undefined) throw new Error(`node ${this.id} cannot put the change at index ${index} in force: ${refusal.reason}`)
        configuration = this.status.configuration
      }
      this.view.newest = { index, term, configuration }
      this.#history.push(this.view.newest)
    }
  }

  /** Delivers an answer of this node to itself. */
  deliverOwn(message: Message): void {
    this.#answers.release(message)
    this.step({ type: 'executed', index: 0, term: 0 })
  }

  compact(index: number): void {
    this.view.compact(index)
    this.disk.compact(index)
  }

  #receive(message: Message, snapshot: Snapshot | undefined, type: string): string | undefined {
    if (type.endsWith('Resp') && !nodesOf(this.status.configuration).includes(message.from)) return 'raft: cannot step as peer not found'
    if (message.from === this.id) {
      this.deliverOwn(message)
      return undefined
    }
    this.#gather()
    const conflict = message.type === 'append' ? conflictOf(message, this.status, (index) => this.#termAt(index)) : undefined
    this.step({ type: 'message', message })
    if (conflict !== undefined) this.#narrator.conflicted(conflict)
    if (message.type === 'snapshotOffer' && snapshot !== undefined) this.#gather(snapshot)
    return undefined
  }

  #forward(leader: number, message: Omit<Envelope, 'to'>): string | undefined {
    if (leader === 0 && message.type === 'MsgProp') this.#narrator.dropped(this.status)
    if (leader === 0 || leader === this.id) return message.type === 'MsgProp' ? 'raft proposal dropped' : undefined
    this.#gather()
    this.#outbox.push({ ...message, to: leader })
    return undefined
  }

  /** Takes what the core has to do; `snapshot` is at hand if the core wants one. */
  #gather(snapshot?: Snapshot): void {
    const { messages, persist, committed, snapshotOffer } = this.raft.takeEffects()
    for (const message of messages) this.#outbox.push(envelopeOf(message, this.#history.findLast(({ index }) => message.type === 'snapshotOffer' && index === message.index)))
    if (persist !== undefined) {
      this.#persists.push(persist)
      this.#batch = persist.batch
      for (const index of [...this.#terms.keys()]) if (index >= (persist.truncateFrom ?? Infinity)) this.#terms.delete(index)
      for (const { index, term } of persist.entries) this.#terms.set(index, term)
    }
    this.#committed.push(...committed)
    if (snapshotOffer === undefined || snapshot === undefined) return
    this.#narrator.restoring(this.status, snapshot)
    this.#persists = []
    this.#committed = []
    this.#snapshot = snapshot
    this.#snapshotPending = true
    this.#terms.clear()
    this.view.entryList = []
    this.view.base = { index: snapshot.index, term: snapshot.term }
    this.step({ type: 'restored', index: snapshot.index, configuration: snapshot.configuration })
    this.#narrator.restored(this.status, snapshot)
  }

  #termAt(index: number): number {
    return this.#terms.get(index) ?? (Number(this.view.term(index)) || 0)
  }

  #softStateChanged(): boolean {
    const { leader, role } = this.status
    return leader !== this.#shown.soft.leader || role !== this.#shown.soft.role
  }

  #hardStateChanged(): boolean {
    const { term, vote, committedIndex } = this.status
    const { hard } = this.#shown
    return term !== hard.term || vote !== hard.vote || committedIndex !== hard.commit
  }
}

/** Where entries of a leader contradict the log of `status`; undefined where they do not, or where they do not connect and are rejected. */
function conflictOf({ entries, prevIndex, prevTerm, term }: Extract<Message, { readonly type: 'append' }>, status: RaftStatus, termAt: (index: number) => number): Conflict | undefined {
  if (term < status.term || prevIndex < status.committedIndex || termAt(prevIndex) !== prevTerm) return undefined
  const first = entries.find(({ index, term: own }) => index <= status.lastIndex && termAt(index) !== own)
  return first === undefined ? undefined : { index: first.index, existing: termAt(first.index), conflicting: first.term, unstableFrom: status.storedIndex + 1, lastIndex: status.lastIndex }
}

/** What several batches in a row come to. */
function mergePersists(persists: readonly Persist[]): { entries: readonly Entry[]; truncateFrom: number | undefined } {
  let entries: Entry[] = []
  let truncateFrom: number | undefined
  for (const persist of persists) {
    const from = persist.truncateFrom
    if (from !== undefined) {
      entries = entries.filter(({ index }) => index < from)
      truncateFrom = Math.min(truncateFrom ?? from, from)
    }
    entries.push(...persist.entries)
  }
  return { entries, truncateFrom }
}

function proposedEntry(content: Proposal): Entry {
  if ('data' in content) return { index: 0, term: 0, kind: 'block', data: content.data }
  return { index: 0, term: 0, kind: 'reconfiguration', data: encodeChange(content.change, content.v1) }
}
