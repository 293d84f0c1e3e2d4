import { DEFAULT_RAFT_OPTIONS } from '../../consensus/core/config.ts'
import type { RaftOptions } from '../../consensus/core/config.ts'
import type { Effects, Input, Persist, Role } from '../../consensus/core/effects.ts'
import type { Entry, Message } from '../../consensus/core/message.ts'
import { Raft } from '../../consensus/core/raft.ts'
import { configurationOf, reconfigure } from '../../consensus/core/reconfiguration.ts'
import type { Change, ChangeSet, Configuration } from '../../consensus/core/reconfiguration.ts'
import { MemoryLog } from './raft-disk.ts'
import type { Directive } from './raft-datadriven.ts'

interface EnvironmentNode {
  readonly id: number
  readonly log: SnapshotLog
  readonly raft: Raft
  readonly async: boolean
  /** Work of the two threads of an asynchronous node. */
  readonly appendWork: Persist[]
  readonly applyWork: Entry[][]
  /** Taken from the core ahead of the Ready that shows it. */
  readonly leftover: Effects[]
  configuration: Configuration
  applied: number
}

/** Serves a snapshot of the newest applied state, as etcd's harness does. */
class SnapshotLog extends MemoryLog {
  newest = { index: 0, term: 0 }
  snapshot(): { index: number; term: number } { return this.newest }
}

const STATES: Readonly<Record<Role, string>> = { follower: 'StateFollower', preCandidate: 'StatePreCandidate', candidate: 'StateCandidate', leader: 'StateLeader' }
const PROGRESS = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const
const ANSWERS: ReadonlySet<Message['type']> = new Set(['voteRequest', 'voteAnswer', 'preVoteAnswer', 'appendAck', 'appendReject'])
const KINDS: Readonly<Record<string, Change['kind']>> = { v: 'voter', l: 'learner', r: 'remove', u: 'update' }

/**
 * Runs the commands of etcd's interaction files on our cores, and answers those that ask for a state: `raft-log`, `status`, `raft-state`. Messages and
 * `Ready`s are not compared: our answers leave a core by another way. Execution is immediate, because etcd knows none.
 */
export class InteractionEnvironment {
  readonly #nodes: EnvironmentNode[] = []
  #network: Message[] = []

  /** What the command prints, as far as it is compared; undefined otherwise. */
  run({ args, command, input }: Directive): string | undefined {
    const ids = [...args.keys()].filter((key) => /^\d+$/.test(key)).map(Number)
    const first = ids[0] ?? 0
    switch (command) {
      case 'log-level': return undefined
      case 'add-nodes': this.#addNodes(first, args); return undefined
      case 'campaign': this.#step(first, { type: 'campaign' }); return undefined
      case 'stabilize': this.#stabilize(ids); return undefined
      case 'process-ready': for (const id of ids) this.#ready(this.#node(id)); return undefined
      case 'process-append-thread': for (const id of ids) this.#appendThread(this.#node(id)); return undefined
      case 'process-apply-thread': for (const id of ids) this.#applyThread(this.#node(id)); return undefined
      case 'deliver-msgs': this.#deliver(ids, (args.get('drop') ?? []).map(Number)); return undefined
      case 'propose': this.#propose(first, [...args.keys()][1] ?? ''); return undefined
      case 'propose-conf-change': this.#proposeChange(first, args, input); return undefined
      case 'tick-heartbeat': this.#step(first, { type: 'tick' }); return undefined
      case 'tick-election': for (let i = 0; i < 3; i++) this.#step(first, { type: 'tick' }); return undefined
      case 'set-randomized-election-timeout': this.#step(first, { type: 'electionJitter', jitter: Number(args.get('timeout')?.[0]) - 3 }); return undefined
      case 'forget-leader': this.#step(first, { type: 'forgetLeader' }); return undefined
      case 'transfer-leadership': this.#step(Number(args.get('from')?.[0]), { type: 'transferLeader', to: Number(args.get('to')?.[0]) }); return undefined
      case 'report-unreachable': this.#step(first, { type: 'unreachable', peer: ids[1] ?? 0 }); return undefined
      case 'compact': this.#node(first).log.compact(Number([...args.keys()][1])); return undefined
      case 'raft-log': return this.#log(first)
      case 'status': return this.#status(first)
      case 'raft-state': return this.#nodes.map(({ id, raft }) => {
        const { configuration, leader, role, term } = raft.status()
        const voter = configuration.voters.includes(id) || configuration.outgoing.includes(id)
        return `${id}: ${STATES[role]} (${voter ? 'Voter' : 'Non-Voter'}) Term:${term} Lead:${leader}`
      }).join('\n')
      default: throw new Error(`unknown command ${command}`)
    }
  }

  #node(id: number): EnvironmentNode {
    const node = this.#nodes[id - 1]
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  #addNodes(count: number, args: Directive['args']): void {
    const index = Number(args.get('index')?.[0] ?? 0)
    const isTrue = (key: string): boolean => args.get(key)?.[0] === 'true'
    const options: Partial<RaftOptions> = {
      electionTicks: 3, heartbeatTicks: 1, preVote: isTrue('prevote'), checkQuorum: isTrue('checkquorum'), stepDownOnRemoval: isTrue('step-down-on-removal'),
      maxInflightMessages: Number(args.get('inflight')?.[0] ?? 1e9), maxInflightBytes: Infinity, maxMessageBytes: Infinity, maxUncommittedEntries: Infinity, maxUncommittedBytes: Infinity,
      maxCommittedBytesPerEffects: Number(args.get('max-committed-size-per-ready')?.[0] ?? Infinity),
    }
    for (let i = 0; i < count; i++) {
      const id = this.#nodes.length + 1
      const log = new SnapshotLog()
      // etcd starts in term 0 behind a snapshot of term 1, which no election of its own can make; here the snapshot is of term 0 too.
      const term = 0
      log.base = { index, term }
      log.newest = { index, term }
      const configuration = configurationOf((args.get('voters') ?? []).map(Number), (args.get('learners') ?? []).map(Number))
      const raft = new Raft({ ...DEFAULT_RAFT_OPTIONS, ...options, id, configuration, hardState: { term, vote: 0, commit: index }, applied: index, refusals: [], jitter: 0 }, log)
      this.#nodes.push({ id, log, raft, async: isTrue('async-storage-writes'), appendWork: [], applyWork: [], leftover: [], configuration, applied: index })
    }
  }

  #step(id: number, input: Input): void {
    const { raft } = this.#node(id)
    raft.step(input)
    const { lastIndex, lastTerm } = raft.status()
    raft.step({ type: 'executed', index: lastIndex, term: lastTerm })
  }

  #propose(id: number, text: string): void {
    const { raft } = this.#node(id)
    this.#step(id, { type: 'submit', term: raft.status().term, data: [new TextEncoder().encode(text)] })
  }

  #proposeChange(id: number, args: Directive['args'], input: string): void {
    const changes = input.split(' ').filter((token) => token !== '').map((token): Change => ({ kind: KINDS[token.charAt(0)] ?? 'update', node: Number(token.slice(1)) }))
    const named = args.get('transition')?.[0]
    const change: ChangeSet = { transition: named === 'implicit' || named === 'explicit' ? named : 'auto', changes }
    const data = new TextEncoder().encode(JSON.stringify({ change, version: args.get('v1')?.[0] === 'true' ? 'EntryConfChange' : 'EntryConfChangeV2', text: input }))
    this.#step(id, { type: 'reconfigure', term: this.#node(id).raft.status().term, change, data })
  }

  #ready(node: EnvironmentNode): void {
    const effects = node.raft.takeEffects()
    for (const each of [...node.leftover.splice(0), effects]) {
      this.#network.push(...each.messages)
      if (each.persist !== undefined) node.appendWork.push(each.persist)
      if (each.committed.length > 0) node.applyWork.push([...each.committed])
      this.#restore(node, each)
    }
    if (node.async) {
      // etcd asks for votes before its own vote is durable; ours wait, so the disk is quick for them.
      if (effects.persist?.hardState?.vote !== node.id) return
      while (this.#appendThread(node));
      return
    }
    while (this.#appendThread(node));
    while (this.#applyThread(node));
  }

  #restore(node: EnvironmentNode, { snapshotOffer }: Effects): void {
    if (snapshotOffer === undefined) return
    const { index, term, from } = snapshotOffer
    const { configuration } = this.#node(from)
    node.log.entryList = []
    node.log.base = { index, term }
    node.log.newest = { index, term }
    node.configuration = configuration
    this.#step(node.id, { type: 'restored', index, configuration })
  }

  #appendThread(node: EnvironmentNode): boolean {
    const persist = node.appendWork.shift()
    if (persist === undefined) return false
    if (persist.truncateFrom !== undefined) node.log.truncate(persist.truncateFrom)
    for (const entry of persist.entries) node.log.append(entry)
    this.#step(node.id, { type: 'stored', batch: persist.batch })
    if (!node.async) return true
    // In etcd the thread itself sends the answers; all else waits for the next Ready.
    const effects = node.raft.takeEffects()
    this.#network.push(...effects.messages.filter(({ type }) => ANSWERS.has(type)))
    node.leftover.push({ ...effects, messages: effects.messages.filter(({ type }) => !ANSWERS.has(type)) })
    return true
  }

  #applyThread(node: EnvironmentNode): boolean {
    const entries = node.applyWork.shift()
    const last = entries?.at(-1)
    if (entries === undefined || last === undefined) return false
    for (const { data, index, kind, term } of entries) {
      if (kind === 'reconfiguration') {
        const change = data.length === 0 ? { transition: 'auto', changes: [] } as const : decodeChange(data).change
        const result = reconfigure(node.configuration, change)
        if ('configuration' in result) node.configuration = result.configuration
        this.#step(node.id, { type: 'reconfigured', change })
      }
      node.log.newest = { index, term }
    }
    this.#step(node.id, { type: 'applied', index: last.index })
    return true
  }

  #deliver(to: readonly number[], drop: readonly number[]): number {
    const dropped = this.#network.filter((message) => drop.includes(message.to))
    this.#network = this.#network.filter((message) => !drop.includes(message.to))
    let count = dropped.length
    for (const id of to) {
      const messages = this.#network.filter((message) => message.to === id)
      this.#network = this.#network.filter((message) => message.to !== id)
      for (const message of messages) this.#step(id, { type: 'message', message })
      count += messages.length
    }
    return count
  }

  #stabilize(ids: readonly number[]): void {
    const nodes = ids.length === 0 ? this.#nodes : ids.map((id) => this.#node(id))
    for (let moved = true; moved;) {
      moved = false
      for (const node of nodes) if (node.raft.hasEffects() || node.leftover.length > 0) { this.#ready(node); moved = true }
      for (const { id } of nodes) if (this.#deliver([id], []) > 0) moved = true
      for (const node of nodes) while (this.#appendThread(node)) moved = true
      for (const node of nodes) while (this.#applyThread(node)) moved = true
    }
  }

  #log(id: number): string {
    const { log } = this.#node(id)
    if (log.entryList.length === 0) return `log is empty: first index=${log.firstIndex()}, last index=${log.lastIndex()}`
    return log.entryList.map(({ data, index, kind, term }) => {
      if (kind !== 'reconfiguration') return `${term}/${index} EntryNormal "${new TextDecoder().decode(data)}"`
      if (data.length === 0) return `${term}/${index} EntryConfChangeV2`
      const { text, version } = decodeChange(data)
      return `${term}/${index} ${version}${text === '' ? '' : ` ${text}`}`
    }).join('\n')
  }

  #status(id: number): string {
    return this.#node(id).raft.status().peers.map((peer) => [
      `${peer.id}: ${PROGRESS[peer.state]} match=${peer.match} next=${peer.next}`, peer.learner ? ' learner' : '', peer.paused ? ' paused' : '',
      peer.pendingSnapshot > 0 ? ` pendingSnap=${peer.pendingSnapshot}` : '', peer.recentlyActive ? '' : ' inactive', peer.inflight > 0 ? ` inflight=${peer.inflight}${peer.inflightFull ? '[full]' : ''}` : '',
    ].join('')).join('\n')
  }
}

function decodeChange(data: Uint8Array): { change: ChangeSet; version: string; text: string } {
  return JSON.parse(new TextDecoder().decode(data)) as { change: ChangeSet; version: string; text: string }
}
