import { invariant } from '../primitives/assert.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { Clock, Logger, Random, Timers } from '../primitives/ports.ts'
import type { HardState } from './core/config.ts'
import type { Effects, Persist, RaftStatus, SoftState } from './core/effects.ts'
import type { AppendAck, Entry, Message } from './core/message.ts'
import type { Raft } from './core/raft.ts'
import { ExecutionQueue } from './execution-queue.ts'
import { decodeMessage, encodeMessage } from './message-wire.ts'
import type { Execution, LogStore, Transport, VoteBook } from './ports.ts'
import { Proposer } from './proposer.ts'
import type { ProposerOptions } from './proposer.ts'
import { RestingNotices } from './resting-notices.ts'
import { processTimers } from './timers.ts'

export interface DriverOptions extends ProposerOptions {
  /** Milliseconds of one tick. */
  readonly tickMs: number
  readonly electionTicks: number
  /** Reads that got no answer are asked for again until this many milliseconds have passed. */
  readonly readTimeoutMs: number
}

export interface DriverPorts {
  readonly log: LogStore
  readonly transport: Transport
  readonly execution: Execution
  /** Without it votes are neither signed nor checked: for tests of the driver alone. */
  readonly votes?: VoteBook
  /** False while this node is not to campaign: its clock is off the others'. */
  readonly mayLead?: () => boolean
  /** True while blocks of this node would count for nothing: should it lead, as the one who leaves in a joint configuration can, it hands over to whoever is able. */
  readonly leadsInVain?: () => boolean
  /** Transactions that wait for a block. */
  readonly waiting: () => number
  readonly clock: Clock
  readonly random: Random
  /** The process' own unless given. */
  readonly timers?: Timers
  readonly logger: Logger
  readonly onRoleChange: (state: SoftState) => void
  /** This node refused an entry, or a majority refused this node's. */
  readonly onRefusal: (details: { readonly index: number; readonly term: number; readonly code: string; readonly error: unknown }) => void
  readonly onFenced: (status: RaftStatus) => void
  /** The leader no longer has the entries that come next here: only a snapshot at or above `index` helps. */
  readonly onSnapshotOffer?: (offer: { readonly from: number; readonly index: number }) => void
  /** An invariant broke or a write failed: the process must end. */
  readonly fatal: (error: unknown) => void
}

interface WaitingRead { readonly resolve: (index: number) => void; readonly reject: (error: SteleError) => void; readonly deadlineMs: number }

/**
 * The only loop of consensus: inputs go into the core one at a time, effects come out and are carried out in one order: persist, send,
 * apply. All methods return at once. Everything asynchronous (sync, execution) reports back as an input.
 */
export class Driver {
  readonly #options: DriverOptions
  readonly #ports: DriverPorts
  readonly #raft: Raft
  readonly #queue: ExecutionQueue
  readonly #proposer: Proposer
  readonly #reads = new Map<number, WaitingRead>()
  /** Reads the core would not take for now; asked again with the next tick. */
  #unasked: WaitingRead[] = []
  #readNumber: number
  readonly #timers: Timers
  #cancelTicks: (() => void) | undefined
  #pumping = false
  #kicked = false
  #cancelLinger: (() => void) | undefined
  #stopped = true
  /** Whom this node hands over to, while it can be reached. */
  #successor: number | undefined
  #fencedTold = false
  #applied: number
  #hardState: HardState
  /** What this node acknowledged last since the last tick. */
  #said: AppendAck | undefined
  readonly #notices: RestingNotices

  /** `firstRead`: read numbers ascend over restarts, so it grows with the boot counter. `applied`: entry the state database has. */
  constructor(options: DriverOptions, ports: DriverPorts, raft: Raft, start: { readonly firstRead: number; readonly applied: number; readonly hardState: HardState }) {
    this.#options = options
    this.#ports = ports
    this.#timers = ports.timers ?? processTimers
    this.#raft = raft
    this.#readNumber = start.firstRead
    this.#applied = start.applied
    this.#hardState = start.hardState
    this.#queue = new ExecutionQueue(ports.execution, {
      onExecuted: (entry) => this.#input({ type: 'executed', index: entry.index, term: entry.term }),
      onRefused: (entry, { code, root, error }) => {
        ports.onRefusal({ index: entry.index, term: entry.term, code, error })
        this.#input({ type: 'refused', index: entry.index, term: entry.term, code, root })
      },
      fatal: ports.fatal,
    })
    this.#notices = new RestingNotices({ timers: this.#timers, clock: ports.clock, send: (notice) => this.#transmit(notice, 'control') })
    this.#proposer = new Proposer(options, { execution: ports.execution, waiting: ports.waiting, clock: ports.clock })
  }

  get status(): RaftStatus { return this.#raft.status() }
  /** The leader this node follows or is, 0 while it knows none. */
  get leader(): number { return this.#raft.leader }

  /** Starts ticking. `tail`: stored entries above the applied one; they are executed before this node vouches for anything. */
  start(tail: readonly Entry[]): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#ports.transport.onMessage((from, _channel, frame) => this.#receive(from, frame))
    this.#ports.transport.onPeerChange((node, connected) => this.#peerChanged(node, connected))
    this.#queue.push(tail)
    this.#cancelTicks = this.#timers.every(() => this.tick(), this.#options.tickMs)
    this.#pump()
  }

  /** Ends the loop; what is under way elsewhere may still finish, its reports are not heard. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#cancelTicks?.()
    this.#cancelLinger?.()
    this.#notices.stop()
    this.#queue.stop()
    for (const { reject } of [...this.#reads.values(), ...this.#unasked]) reject(stopping())
    this.#reads.clear()
    this.#unasked = []
  }

  /** One tick of the clock. A process that slept gets one tick, not all it missed, so that waking up starts no election by itself. */
  tick(): void {
    this.#said = undefined
    this.#expireReads()
    const unasked = this.#unasked
    this.#unasked = []
    for (const read of unasked) this.#ask(read)
    if (this.#raft.role === 'leader' && this.#ports.leadsInVain?.() === true && this.#raft.status().transferringTo === 0) void this.handOver()
    this.#input({ type: 'tick', jitter: this.#ports.random.jitter(this.#options.electionTicks), passive: this.#ports.mayLead?.() === false })
  }

  /** Something waits to be cut into a block. */
  kick(): void {
    if (this.#kicked || this.#stopped) return
    this.#kicked = true
    // What arrives within one turn of the event loop shares one look at whether to cut a block.
    this.#timers.soon(() => {
      this.#kicked = false
      this.#pump()
    })
  }

  /**
   * Hands the leadership to a voter, the one that holds most unless `to` names it, and waits until it is gone. False when this node leads on: it does not lead, nobody could take over, or
   * nobody did within an election timeout.
   */
  handOver(to = this.#bestSuccessor()): Promise<boolean> {
    if (this.#stopped || to === undefined || this.#raft.step({ type: 'transferLeader', to }) !== undefined) return Promise.resolve(false)
    this.#successor = to
    this.#pump()
    return new Promise((resolve) => {
      let ticks = 0
      const look = (): void => {
        const { role, transferringTo } = this.#raft.status()
        if (role === 'leader' && transferringTo === to && this.#successor === to && ++ticks <= this.#options.electionTicks && !this.#stopped) return
        cancel()
        resolve(role !== 'leader')
      }
      const cancel = this.#timers.every(look, this.#options.tickMs)
    })
  }

  #bestSuccessor(): number | undefined {
    const { role, id, peers } = this.#raft.status()
    if (role !== 'leader') return undefined
    const able = peers.filter((peer) => peer.id !== id && !peer.learner && peer.recentlyActive && peer.refusedIndex === undefined && peer.state !== 'snapshot')
    return able.sort((a, b) => b.match - a.match || a.id - b.id)[0]?.id
  }

  /** Starts an election now, for operators and tests. */
  campaign(): void {
    this.#input({ type: 'campaign' })
  }

  /** Follows nobody until a leader is heard again; another may then be elected at once. */
  forgetLeader(): void {
    this.#input({ type: 'forgetLeader' })
  }

  /** Resolves with an index; state applied up to it serves a linearizable read. `NO_LEADER` when nobody confirms in time. */
  readIndex(): Promise<number> {
    if (this.#stopped) return Promise.reject(stopping())
    return new Promise((resolve, reject) => {
      this.#ask({ resolve, reject, deadlineMs: this.#ports.clock.monotonicMs() + this.#options.readTimeoutMs })
      this.#pump()
    })
  }

  #ask(read: WaitingRead): void {
    const request = this.#readNumber++
    if (this.#raft.step({ type: 'readIndex', request }) === undefined) this.#reads.set(request, read)
    else this.#unasked.push(read)
  }

  #expireReads(): void {
    const now = this.#ports.clock.monotonicMs()
    const late = [...this.#reads].filter(([, { deadlineMs }]) => deadlineMs <= now)
    for (const [request] of late) this.#reads.delete(request)
    const unaskedLate = this.#unasked.filter(({ deadlineMs }) => deadlineMs <= now)
    this.#unasked = this.#unasked.filter(({ deadlineMs }) => deadlineMs > now)
    for (const { reject } of [...late.map(([, read]) => read), ...unaskedLate]) {
      reject(new SteleError({ code: 'NO_LEADER', message: 'no leader confirmed the read in time', details: { leader: this.#raft.status().leader }, retryable: true }))
    }
  }

  #receive(from: number, frame: Uint8Array): void {
    let message: Message
    try {
      message = decodeMessage(frame)
    } catch (error) {
      this.#ports.logger.warn({ from, code: errorCode(error) }, 'garbled consensus message dropped')
      this.#ports.transport.blame(from)
      return
    }
    if (message.from !== from) {
      this.#ports.logger.warn({ from, claimed: message.from }, 'consensus message names another sender, dropped')
      this.#ports.transport.blame(from)
      return
    }
    if (message.type === 'voteAnswer' && message.granted && this.#ports.votes?.accept(from, message.term, message.vote) === false) {
      this.#ports.logger.warn({ from, term: message.term }, 'a vote without its giver\'s signature is not counted')
      this.#ports.transport.blame(from)
      return
    }
    this.#input({ type: 'message', message })
  }

  #peerChanged(node: number, connected: boolean): void {
    this.#said = undefined
    if (connected) return
    if (this.#successor === node) this.#successor = undefined
    // A lost connection to the leader frees this node to elect another at once, instead of waiting for the lease (DESIGN §5.6).
    if (this.#raft.status().leader === node) this.#input({ type: 'forgetLeader' })
    this.#input({ type: 'unreachable', peer: node })
  }

  #input(input: Parameters<Raft['step']>[0]): void {
    if (this.#stopped) return
    try {
      this.#raft.step(input)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#pump()
  }

  /** Carries out effects until there are none, then cuts a block if it is time. Never nested: an input that arrives meanwhile is taken up by the loop. */
  #pump(): void {
    if (this.#pumping || this.#stopped) return
    this.#pumping = true
    try {
      do {
        while (this.#raft.hasEffects() && !this.#stopped) this.#carryOut(this.#raft.takeEffects())
      } while (!this.#stopped && this.#proposer.maybePropose(this.#raft))
      this.#lookAgain()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#pumping = false
    }
  }

  /** A block that waits for company is cut when its time has come. */
  #lookAgain(): void {
    const delayMs = this.#proposer.lookAgainMs
    if (delayMs === undefined || this.#cancelLinger !== undefined) return
    this.#cancelLinger = this.#timers.after(() => {
      this.#cancelLinger = undefined
      this.#pump()
    }, delayMs)
  }

  #carryOut(effects: Effects): void {
    if (effects.truncatedFrom !== undefined) {
      this.#queue.truncate(effects.truncatedFrom)
      this.#ports.execution.truncate(effects.truncatedFrom)
    }
    if (effects.persist !== undefined) this.#persist(effects.persist)
    for (const message of effects.messages) this.#send(message)
    if (effects.committed.length > 0) this.#commit(effects.committed)
    for (const { request, index } of effects.reads) this.#finishRead(request, index)
    for (const request of effects.droppedReads) this.#retryRead(request)
    if (effects.softState !== undefined) this.#ports.onRoleChange(effects.softState)
    if (effects.stepDown !== undefined) this.#ports.logger.warn({ reason: effects.stepDown }, 'this node stopped leading')
    if (effects.snapshotOffer !== undefined) this.#ports.onSnapshotOffer?.(effects.snapshotOffer)
    this.#tellFence()
  }

  #persist({ batch, hardState, truncateFrom, entries, refusals }: Persist): void {
    if (hardState !== undefined) this.#hardState = hardState
    this.#ports.log.append({ hardState, truncateFrom, entries, refusals }).then(
      () => this.#input({ type: 'stored', batch }),
      (error: unknown) => this.#fail(error),
    )
    this.#queue.push(entries)
  }

  #send(message: Message): void {
    if (message.type === 'appendAck' && this.#saidAlready(message)) return
    if (message.type !== 'append') return this.#transmit(message, 'control')
    if (message.entries.length === 0) {
      if (!this.#notices.keep(message)) this.#transmit(message, 'control')
      return
    }
    this.#notices.carriedTo(message.to)
    this.#transmit(message, 'append')
  }

  #transmit(message: Message, channel: 'control' | 'append'): void {
    if (!this.#ports.transport.send(message.to, channel, encodeMessage(this.#signed(message))) && channel === 'append') {
      this.#raft.step({ type: 'unreachable', peer: message.to })
    }
  }

  /** A leader tells of every commit in an append without entries, and the answer says nothing new. Should the first have been lost, the next heartbeat makes the leader ask again. */
  #saidAlready(ack: AppendAck): boolean {
    const said = this.#said
    this.#said = ack
    return said !== undefined && said.to === ack.to && said.term === ack.term && said.index === ack.index
  }

  #signed(message: Message): Message {
    if (message.type !== 'voteAnswer' || !message.granted || this.#ports.votes === undefined) return message
    return { ...message, vote: this.#ports.votes.sign(message.term, message.to) }
  }

  #commit(entries: readonly Entry[]): void {
    for (const entry of entries) {
      for (const change of this.#ports.execution.commit(entry) ?? []) {
        const refusal = this.#raft.step({ type: 'reconfigured', change })
        invariant(refusal === undefined, 'a committed change of the configuration can be put in force', { index: entry.index, reason: refusal?.reason })
      }
    }
    this.#applied = entries.at(-1)!.index
    this.#raft.step({ type: 'applied', index: this.#applied })
    const { term, vote } = this.#hardState
    this.#hardState = { term, vote, commit: this.#applied }
    this.#ports.log.noteCommit(this.#hardState)
  }

  #finishRead(request: number, index: number): void {
    this.#reads.get(request)?.resolve(index)
    this.#reads.delete(request)
  }

  #retryRead(request: number): void {
    const read = this.#reads.get(request)
    this.#reads.delete(request)
    if (read !== undefined) this.#ask(read)
  }

  #tellFence(): void {
    if (this.#fencedTold || !this.#raft.isFenced) return
    this.#fencedTold = true
    this.#ports.onFenced(this.#raft.status())
  }

  #fail(error: unknown): void {
    if (this.#stopped) return
    this.stop()
    this.#ports.fatal(error)
  }
}

function stopping(): SteleError {
  return new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true })
}
