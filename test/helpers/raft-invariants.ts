import { equalBytes } from '../../primitives/bytes.ts'
import type { RaftStatus } from '../../consensus/core/effects.ts'
import type { Entry, Message } from '../../consensus/core/message.ts'
import type { SimulatedNode } from './raft-cluster.ts'

/** The invariants of the published specifications (etcdraft.tla, ccfraft.tla, thesis §3), checked against all nodes, disks of crashed ones included. */
export class ClusterInvariants {
  readonly #nodes: readonly SimulatedNode[]
  readonly #leaders = new Map<number, number>()
  /** `node:term` → candidate it voted for, over restarts. */
  readonly #votes = new Map<string, number>()
  readonly #terms = new Map<number, number>()
  readonly #statuses = new Map<number, RaftStatus>()
  /** `node:index:term` of every entry a node executed or refused. */
  readonly #executed = new Set<string>()
  readonly #refused = new Set<string>()
  /** What the cluster has committed, by index − 1. */
  readonly committed: Entry[] = []
  /** Highest index any running node ever showed as committed. */
  committedAnywhere = 0
  leadersSeen = 0

  constructor(nodes: readonly SimulatedNode[]) {
    this.#nodes = nodes
  }

  /** Who led the term; undefined when nobody was seen to. */
  leaderOf(term: number): number | undefined { return this.#leaders.get(term) }

  started(node: SimulatedNode): void {
    this.#statuses.delete(node.id)
    this.check(node)
  }

  /** Checks what one step of `node` may have broken. */
  check(node: SimulatedNode): void {
    if (node.raft === undefined) return
    const status = node.raft.status()
    const before = this.#statuses.get(node.id)
    this.#statuses.set(node.id, status)
    const { appliedIndex, committedIndex, executedIndex, lastIndex } = status
    check(appliedIndex <= committedIndex && committedIndex <= executedIndex && executedIndex <= lastIndex, 'applied ≤ committed ≤ executed ≤ last', status)
    check(status.vouchedIndex <= executedIndex || before === undefined || status.vouchedIndex <= before.vouchedIndex, 'nothing unexecuted is newly vouched for', status)
    check(status.term >= (this.#terms.get(node.id) ?? 0) || before === undefined, 'MonotonicTermProp', status)
    this.#terms.set(node.id, status.term)
    const campaigns = before !== undefined && before.role !== status.role && (status.role === 'candidate' || (status.role === 'leader' && before.role !== 'candidate'))
    if (campaigns) check(executedIndex === lastIndex, 'nobody campaigns over an unexecuted tail', status)
    this.#noteExecuted(node, before?.executedIndex ?? 0, status)
    if (before !== undefined) check(status.committedIndex >= before.committedIndex, 'CommittedLogAppendOnlyProp', status)
    for (const peer of status.peers) {
      check(peer.match >= 0 && peer.match < peer.next, '0 ≤ match < next', peer)
      const earlier = before?.term === status.term ? before.peers.find(({ id }) => id === peer.id) : undefined
      if (earlier !== undefined) check(peer.match >= earlier.match, 'MonotonicMatchIndexProp', peer)
    }
    if (status.role === 'leader') this.#checkLeader(node, status, before)
    if (committedIndex > this.committedAnywhere) this.#committedUpTo(node, status)
    this.#checkCommittedPrefix(node, before?.committedIndex ?? 0, committedIndex)
  }

  /** A message leaves a node: what it vouches for must be durable, executed, and never said otherwise. */
  sent(node: SimulatedNode, message: Message): void {
    const { disk, raft } = node
    const status = raft?.status()
    if (status === undefined) return
    const isPreVote = message.type === 'preVoteRequest' || message.type === 'preVoteAnswer'
    if (!isPreVote) check(message.term <= status.term, 'MonoTermInv: no message above its sender\'s term', message)
    if (message.type === 'appendAck' && message.term === status.term && message.index > 0) {
      check(disk.log.lastIndex() >= message.index, 'an acknowledged entry is durable', message)
      check(status.executedIndex >= message.index, 'an acknowledged entry is executed', message)
      check(!this.#refused.has(key(node.id, message.index, Number(disk.log.term(message.index)))), 'a refused entry is never acknowledged', message)
    }
    if (message.type === 'appendRefusal') {
      this.#refused.add(key(node.id, message.index, message.entryTerm))
      check(disk.refusals.some(({ index, term }) => index === message.index && term === message.entryTerm), 'a refusal is durable before it is told', message)
    }
    if (message.type === 'voteRequest') this.#voted(node, message.term, node.id)
    if (message.type === 'voteAnswer' && message.granted) this.#voted(node, message.term, message.to)
  }

  applied(node: SimulatedNode, entry: Entry): void {
    const agreed = this.committed[entry.index - 1]
    check(agreed !== undefined && agreed.term === entry.term && equalBytes(agreed.data, entry.data), 'State Machine Safety', { node: node.id, entry, agreed })
    check(node.disk.log.term(entry.index) === entry.term, 'an applied entry is durable', { node: node.id, entry })
    check(this.#executed.has(key(node.id, entry.index, entry.term)) || entry.kind === 'noop', 'an applied entry is executed', { node: node.id, entry })
    node.disk.applied = Math.max(node.disk.applied, entry.index)
  }

  /** A read may be served at `index`: everything that was committed when it was asked is in it. */
  readServed(node: SimulatedNode, floor: number, index: number): void {
    check(index >= floor, 'a linearizable read sees what was committed before', { node: node.id, floor, index })
  }

  /** Log Matching between all running nodes; costs a pass over all logs. */
  checkLogMatching(): void {
    for (const a of this.#nodes) {
      for (const b of this.#nodes) {
        if (a.id >= b.id) continue
        let matched = false
        for (let index = Math.min(a.received.size, b.received.size); index > 0; index--) {
          const x = a.received.get(index)
          const y = b.received.get(index)
          if (x === undefined || y === undefined) continue
          if (x.term === y.term) matched = true
          if (matched) check(x.term === y.term && equalBytes(x.data, y.data), 'Log Matching', { a: a.id, b: b.id, index })
        }
      }
    }
  }

  #checkLeader(node: SimulatedNode, status: RaftStatus, before: RaftStatus | undefined): void {
    const known = this.#leaders.get(status.term)
    check(known === undefined || known === node.id, 'Election Safety', { term: status.term, first: known, second: node.id })
    if (known === undefined) this.leadersSeen++
    this.#leaders.set(status.term, node.id)
    check(status.fence === undefined, 'a fenced node does not lead', status)
    if (before?.role === 'leader' && before.term === status.term) {
      check(status.lastIndex >= before.lastIndex, 'Leader Append-Only', status)
      return
    }
    for (const entry of this.committed) check(node.received.get(entry.index)?.term === entry.term, 'Leader Completeness', { leader: node.id, term: status.term, missing: entry.index })
  }

  /** A commit index was seen for the first time: it must be durable and executed at a majority. */
  #committedUpTo(node: SimulatedNode, status: RaftStatus): void {
    for (let index = this.committedAnywhere + 1; index <= status.committedIndex; index++) {
      const entry = node.received.get(index)
      check(entry !== undefined, 'a committed entry is in the log', { node: node.id, index })
      this.committed.push(entry)
    }
    this.committedAnywhere = status.committedIndex
    const newest = this.committed.at(-1)
    if (newest === undefined) return
    const holders = this.#nodes.filter(({ disk, id }) => disk.log.term(newest.index) === newest.term && (newest.kind === 'noop' || this.#executed.has(key(id, newest.index, newest.term))))
    check(holders.length > this.#nodes.length / 2, 'CommittedIsDurableInv: committed means durable and executed at a majority', { index: newest.index, holders: holders.map(({ id }) => id) })
    check(status.role !== 'leader' || newest.term === status.term, 'NeverCommitEntryPrevTermsProp', { index: newest.index, term: status.term })
  }

  #checkCommittedPrefix(node: SimulatedNode, from: number, to: number): void {
    for (let index = from + 1; index <= to; index++) {
      const own = node.received.get(index)
      check(own === undefined || own.term === this.committed[index - 1]?.term, 'LogInv: committed prefixes agree', { node: node.id, index })
    }
  }

  #noteExecuted(node: SimulatedNode, from: number, status: RaftStatus): void {
    for (let index = Math.min(from, status.executedIndex) + 1; index <= status.executedIndex; index++) {
      const entry = node.received.get(index)
      if (entry !== undefined) this.#executed.add(key(node.id, index, entry.term))
    }
  }

  #voted(node: SimulatedNode, term: number, candidate: number): void {
    const id = `${node.id}:${term}`
    const earlier = this.#votes.get(id)
    check(earlier === undefined || earlier === candidate, 'one vote per term, over restarts', { node: node.id, term, earlier, candidate })
    this.#votes.set(id, candidate)
    const { hardState } = node.disk
    check(hardState.term > term || (hardState.term === term && hardState.vote === candidate), 'a vote is durable before it is told', { node: node.id, term, hardState })
  }
}

function key(node: number, index: number, term: number): string {
  return `${node}:${index}:${term}`
}

function check(condition: boolean, claim: string, details: object): asserts condition {
  if (!condition) throw new Error(`${claim}: ${JSON.stringify(details)}`)
}
