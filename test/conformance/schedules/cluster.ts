import type { RaftOptions } from '../../../consensus/core/config.ts'
import { isJoint } from '../../../consensus/core/reconfiguration.ts'
import type { Change, ChangeSet } from '../../../consensus/core/reconfiguration.ts'
import { SeededRandom } from '../../helpers/raft-random.ts'
import { decodeContent, encodeContent, hasUnsignedTail, seenEntries } from './content.ts'
import type { Content } from './content.ts'
import { ScheduleInvariants } from './invariants.ts'
import { ELECTION_TICKS, ScheduleNode, TICK_MS } from './node.ts'
import type { Bundle } from './node.ts'

/** Rounds of `dispatch_all`, as in CCF's driver. */
const DISPATCH_ROUNDS = 5
/** Rounds within which a healed network must agree. */
const SYNC_ROUNDS = 400

/** Something that CCF does and this core does on purpose in another way; from then on a schedule's expectations may not apply. */
export type Divergence = 'unsigned-tail' | 'no-op' | 'activation' | 'one-change' | 'retirement' | 'handover' | 'check-quorum' | 'stale-answer' | 'recorded-bug'

export const DIVERGENCES: Readonly<Record<Divergence, string>> = {
  'unsigned-tail': 'an election was held while a log ended in entries without a signature: CCF truncates to its last signature and compares signed entries only, we keep and compare the whole log',
  'no-op': 'a node campaigned that lacks the no-op of an earlier leader: CCF has no such entry, so there the logs are equally new',
  'activation': 'a change of the configuration was under way: CCF counts the new quorum from the append on, we (as etcd) from the moment the change is applied',
  'one-change': 'a change of the configuration was asked for while another was under way: CCF stacks them, we take one at a time',
  'retirement': 'the leader was removed: in CCF it leads on until its removal is known and then names a successor, here it steps down when its removal is applied',
  'handover': 'a leadership transfer was under way: CCF takes entries meanwhile, we refuse them',
  'check-quorum': 'a leader lost its quorum: CCF counts the silence of each backup, we look once per election timeout',
  'stale-answer': 'an answer of an earlier term reached a leader: in CCF it moves what is sent next, we ignore it',
  'recorded-bug': 'the schedule records a bug of CCF: it expects two leaders in one term, which is refused here',
}

/** A network of our cores under CCF's verbs. Nodes have their names' order; each has a queue of what it sent. */
export class ScheduleCluster {
  readonly nodes = new Map<number, ScheduleNode>()
  readonly divergences = new Set<Divergence>()
  readonly invariants = new ScheduleInvariants(this.nodes)
  readonly #options: Partial<RaftOptions>
  readonly #names = new Map<string, number>()
  readonly #links = new Set<string>()
  /** Configuration that was asked for last. */
  #members: number[] = []
  /** Configuration that the network started with. */
  #first: readonly number[] = [1]
  #firstTerm = 1
  /** Members before and after a change that not all of them know to be in force. */
  #changing: readonly number[] = []
  /** Periods of the leader until CCF's nodes know too, once all of ours do: its commit of the change takes a round trip, and the news of it another one. */
  #periodsLeft = Infinity
  /** A change that the core would not take yet. */
  #waiting: Content | undefined
  preVote = true

  constructor(options: Partial<RaftOptions>) {
    this.#options = options
  }

  /** In the order in which CCF goes through them. */
  get ordered(): ScheduleNode[] { return [...this.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) }

  find(name: string): ScheduleNode | undefined {
    return this.nodes.get(this.#names.get(name) ?? 0)
  }

  /** The first node: leads term 2 alone. */
  start(name: string): void {
    const node = this.#add(name)
    this.#members = [node.id]
    node.act({ type: 'campaign' })
  }

  /** A network that starts with several nodes and no leader; its links are named one by one. */
  startMany(names: readonly string[]): void {
    this.#first = names.map((_, i) => i + 1)
    this.#firstTerm = 0
    this.#members = [...this.#first]
    for (const name of names) this.#add(name)
  }

  /** A node that is no member yet. */
  create(name: string): void {
    if (this.find(name) === undefined) this.#add(name)
  }

  /** Asks for exactly these members. */
  replaceMembers(term: string, names: readonly string[]): string | undefined {
    for (const name of names) this.create(name)
    const wanted = names.flatMap((name) => this.find(name)?.id ?? [])
    const nameOf = (id: number): string => this.nodes.get(id)?.name ?? ''
    return this.reconfigure(term, wanted.filter((id) => !this.#members.includes(id)).map(nameOf), this.#members.filter((id) => !wanted.includes(id)).map(nameOf))
  }

  /** Changes the members; nodes that join are made and connected. Why not, when it cannot be done now. */
  reconfigure(term: string, add: readonly string[], remove: readonly string[]): string | undefined {
    for (const name of add) if (this.find(name) === undefined) this.#connectAll(this.#add(name))
    const removed = remove.flatMap((name) => this.find(name)?.id ?? [])
    const added = add.flatMap((name) => this.find(name)?.id ?? [])
    const changes = [...added.map((node): Change => ({ kind: 'voter', node })), ...removed.map((node): Change => ({ kind: 'remove', node }))]
    this.#periodsLeft = Infinity
    this.#changing = [...new Set([...this.#changing, ...this.#members, ...added])]
    this.#members = [...this.#members.filter((id) => !removed.includes(id)), ...added]
    return this.append(term, { kind: 'configuration', text: this.#members.join(' '), members: this.#members, change: { transition: 'auto', changes } })
  }

  /** Appends an entry at the leader of `term`; why not, when it cannot be done now. */
  append(term: string, content: Content): string | undefined {
    const leaders = this.ordered.filter(({ status }) => status.role === 'leader').sort((a, b) => a.status.term - b.status.term)
    const leader = term === 'latest' ? leaders.at(-1) : leaders.find(({ status }) => status.term === Number(term))
    if (leader === undefined) return term === 'latest' ? undefined : `nobody leads term ${term}`
    const { configuration, term: led, transferringTo } = leader.status
    if (content.change !== undefined) return this.#appendChange(leader, content, content.change)
    const refusal = leader.act({ type: 'submit', term: led, data: [encodeContent(content)] })
    if (refusal === undefined) return undefined
    this.divergences.add(transferringTo !== 0 ? 'handover' : configuration.voters.includes(leader.id) ? 'one-change' : 'retirement')
    return `the leader refused the entry: ${refusal.reason}`
  }

  #appendChange(leader: ScheduleNode, content: Content, change: ChangeSet): string | undefined {
    if (change.changes.some(({ kind, node }) => kind === 'remove' && node === leader.id)) this.divergences.add('retirement')
    const refusal = leader.act({ type: 'reconfigure', term: leader.status.term, change, data: encodeContent(content) })
    if (refusal === undefined) return undefined
    this.divergences.add('one-change')
    this.#waiting = content
    return `the leader took the change later: ${refusal.reason}`
  }

  /** After each line: proposes again what a leader could not take, and notices when a change has come to its end. */
  afterLine(): void {
    const [first, ...others] = this.#changing.map((id) => this.nodes.get(id)?.status)
    const same = (status: typeof first): boolean => status?.appliedIndex === first?.lastIndex && status?.lastIndex === first?.lastIndex
    if (this.#periodsLeft === Infinity && first !== undefined && !isJoint(first.configuration) && [first, ...others].every(same)) this.#periodsLeft = 2
    const waiting = this.#waiting
    if (waiting === undefined || !this.ordered.some(({ status }) => status.role === 'leader')) return
    this.#waiting = undefined
    this.append('latest', waiting)
  }

  /** Lets time pass at one node. An election timeout without a word means for a leader that it has looked for its quorum twice, because what it heard before the first look still counts then. */
  period(node: ScheduleNode, ms: number, jitter = 0): void {
    const ticks = Math.floor(ms / TICK_MS)
    if (ticks > 0 && node.status.role === 'leader' && --this.#periodsLeft === 0) this.#changing = []
    const before = node.status
    let looks = 2
    node.period(ticks, jitter, () => ticks >= ELECTION_TICKS && before.role === 'leader' && node.status.role === 'leader' && --looks > 0)
    const after = node.status
    if (before.role === 'leader' && !this.#hasQuorum(node)) this.divergences.add('check-quorum')
    if (after.role === 'preCandidate' || after.role === 'candidate') this.#noteCampaign(node)
  }

  nominate(node: ScheduleNode): void {
    const best = node.status.peers.filter(({ id, learner }) => id !== node.id && !learner).sort((a, b) => b.match - a.match || a.id - b.id)[0]
    if (best !== undefined) node.act({ type: 'transferLeader', to: best.id })
  }

  link(a: ScheduleNode, b: ScheduleNode, connected: boolean): void {
    for (const key of [`${a.id}>${b.id}`, `${b.id}>${a.id}`]) {
      if (connected) this.#links.add(key)
      else this.#links.delete(key)
    }
  }

  /** Delivers up to `count` bundles of a node; those to nodes it is not connected to are lost. */
  dispatch(node: ScheduleNode, count = Infinity): void {
    for (let done = 0; done < count; ) {
      const bundle = node.outbox.shift()
      if (bundle === undefined) return
      if (this.#deliver(node, bundle)) done++
    }
  }

  dispatchOnce(): void {
    const counts = this.ordered.map((node) => [node, node.outbox.length] as const)
    for (const [node, count] of counts) this.dispatch(node, count)
  }

  dispatchAll(): void {
    for (let round = 0; round < DISPATCH_ROUNDS && this.ordered.some(({ outbox }) => outbox.length > 0); round++) this.dispatchOnce()
  }

  /** Delivers the oldest bundle from one node to another. */
  dispatchSingle(from: ScheduleNode, to: ScheduleNode): void {
    const at = from.outbox.findIndex((bundle) => bundle.to === to.id)
    const [bundle] = at < 0 ? [] : from.outbox.splice(at, 1)
    if (bundle !== undefined) this.#deliver(from, bundle)
  }

  /** Loses what waits between two nodes. */
  drop(from: ScheduleNode, to: ScheduleNode): void {
    const lost = from.outbox.filter((bundle) => bundle.to === to.id)
    from.outbox = from.outbox.filter((bundle) => bundle.to !== to.id)
    for (const bundle of lost) this.#lost(from, bundle)
  }

  /** What may make an expectation of this line not apply. */
  get causes(): readonly Divergence[] {
    return this.#changing.length > 0 ? [...this.divergences, 'activation'] : [...this.divergences]
  }

  /** Heals the network and lets time pass until all members hold the same committed log, a fresh entry of the leader's term included; why not, when they never do. */
  sync(afterRound: () => void): string | undefined {
    for (const a of this.ordered) for (const b of this.ordered) if (a !== b) this.link(a, b, true)
    const random = new SeededRandom(1)
    let written = 0
    for (let round = 0; round < SYNC_ROUNDS; round++) {
      for (const node of this.ordered) node.period(1, random.below(ELECTION_TICKS))
      this.dispatchAll()
      this.afterLine()
      const leader = this.ordered.filter(({ status }) => status.role === 'leader').sort((a, b) => b.status.term - a.status.term)[0]
      if (leader !== undefined && written !== leader.status.term && !isJoint(leader.status.configuration)) {
        const refusal = leader.act({ type: 'submit', term: leader.status.term, data: [encodeContent({ kind: 'signature', text: 'sync' })] })
        if (refusal === undefined) written = leader.status.term
      }
      afterRound()
      if (leader !== undefined && written === leader.status.term && this.#waiting === undefined && this.#agree(leader)) return undefined
    }
    return `the members did not agree within ${SYNC_ROUNDS * TICK_MS} ms of a healed network`
  }

  #agree(leader: ScheduleNode): boolean {
    const { configuration, lastIndex, committedIndex } = leader.status
    if (isJoint(configuration) || committedIndex !== lastIndex) return false
    return [...configuration.voters, ...configuration.learners].every((id) => {
      const status = this.nodes.get(id)?.status
      return status !== undefined && status.lastIndex === lastIndex && status.committedIndex === committedIndex && status.term === leader.status.term
    })
  }

  #add(name: string): ScheduleNode {
    const id = this.nodes.size + 1
    const node = new ScheduleNode(id, name, this.#first.includes(id) ? this.#firstTerm : 0, this.#first, { ...this.#options, preVote: this.preVote }, (stepped) => this.invariants.stepped(stepped))
    this.#names.set(name, id)
    this.nodes.set(id, node)
    return node
  }

  #connectAll(node: ScheduleNode): void {
    for (const other of this.nodes.values()) if (other !== node) this.link(node, other, true)
  }

  #deliver(from: ScheduleNode, bundle: Bundle): boolean {
    const to = this.nodes.get(bundle.to)
    if (to === undefined || !this.#links.has(`${from.id}>${bundle.to}`)) {
      this.#lost(from, bundle)
      return false
    }
    const isStale = bundle.messages.some(({ term, type }) => (type === 'appendAck' || type === 'appendReject') && term < to.status.term)
    if (isStale && to.status.role === 'leader') this.divergences.add('stale-answer')
    to.receive(bundle.messages)
    return true
  }

  /** The transport notices a lost message, and says so to the core. */
  #lost(from: ScheduleNode, { to, messages }: Bundle): void {
    if (messages.some(({ type }) => type === 'append')) from.act({ type: 'unreachable', peer: to })
  }

  /** Where CCF would judge the logs of a candidate and its voters in another way. */
  #noteCampaign(candidate: ScheduleNode): void {
    const last = (node: ScheduleNode): readonly [number, number] => [seenEntries(node.log.entryList).at(-1)?.entry.term ?? 0, seenEntries(node.log.entryList).length]
    const [term, number] = last(candidate)
    for (const voter of this.nodes.values()) {
      if (hasUnsignedTail(voter.log.entryList)) this.divergences.add('unsigned-tail')
      const [voterTerm, voterNumber] = last(voter)
      const own = candidate.status
      const isNewer = own.lastTerm > voter.status.lastTerm || (own.lastTerm === voter.status.lastTerm && own.lastIndex >= voter.status.lastIndex)
      if (!isNewer && (term > voterTerm || (term === voterTerm && number >= voterNumber))) this.divergences.add('no-op')
    }
  }

  #hasQuorum(node: ScheduleNode): boolean {
    const { configuration } = node.status
    const reached = (half: readonly number[]): boolean => half.length === 0 || half.filter((id) => id === node.id || this.#links.has(`${node.id}>${id}`)).length > half.length / 2
    return reached(configuration.voters) && reached(configuration.outgoing)
  }
}

/** The newest configuration entry that `node` holds under CCF's number. */
export function configurationAt(node: ScheduleNode, number: number): readonly number[] | undefined {
  const seen = seenEntries(node.log.entryList).find((each) => each.number === number)
  if (seen === undefined || seen.content.kind !== 'configuration') return undefined
  return seen.entry.index === 1 ? [1] : decodeContent(seen.entry)?.members
}
