import type { HardState } from '../../consensus/core/config.ts'
import type { RaftStatus } from '../../consensus/core/effects.ts'
import type { Entry, Message } from '../../consensus/core/message.ts'
import { decodeMessage } from '../../consensus/message-wire.ts'
import type { LogBatch } from '../../consensus/ports.ts'
import type { Configuration } from '../../consensus/core/reconfiguration.ts'
import { decode } from '../../primitives/codec.ts'
import { equalBytes } from '../../primitives/bytes.ts'
import { attestationSchema } from '../../primitives/certificate.ts'
import { certificateQuorum } from '../../primitives/member-set.ts'
import type { Certificate } from '../../primitives/certificate.ts'
import type { Ledger } from '../../state/ledger.ts'
import { ATTESTATION_FRAME } from './network.ts'
import { simRoot } from './sim-block.ts'
import type { SimMembers } from './sim-members.ts'
import { GENESIS_ROOT } from './sim-executor.ts'
import type { ExecutedSimBlock } from './sim-executor.ts'

/** An invariant that does not hold: `claim` is its published name or one sentence. */
export interface Violation { readonly claim: string; readonly details: Readonly<Record<string, unknown>> }

/** Above every number of a node. */
const NODES_MAX = 64

/** What a node has told its disk, and what the disk has called durable. */
interface Shadow {
  /** Terms by index − 1: the log as the node shows it, durable or not. */
  view: number[]
  durable: number[]
  hardState: HardState
  term: number
  status: RaftStatus | undefined
  /** Entries executed in this life, by index: the term of each. */
  executed: number[]
  refused: Set<string>
  committed: number
  /** Highest term of a message in this life, pre-votes aside. */
  sentTerm: number
  /** State roots by height, recomputed here. */
  roots: Uint8Array[]
}

/** `byTerm`: no later term can have committed it, since nobody had spoken in a later one. */
interface Committed { readonly term: number; readonly data: Uint8Array; readonly kind: Entry['kind']; readonly byTerm: number }

/** Entries of one (index, term) pair: what they hold and the term before them. */
interface Known { readonly kind: Entry['kind']; readonly data: Uint8Array; readonly previousTerm: number }

/**
 * The invariants of the published specifications (thesis §3; etcdraft.tla, ccfraft.tla; openraft), of DESIGN §5.6–5.8, and of the clients, checked after every step from
 * outside: messages as they leave, batches as they are written and become durable, entries as they commit, the core's own picture.
 * Log Matching is checked by its induction step: an (index, term) pair has one content and one predecessor on all nodes, for ever.
 */
export class Invariants {
  violation: Violation | undefined
  /** What the cluster has committed, by index − 1. */
  readonly committed: Committed[] = []
  /** Transactions in committed blocks, and the height of each. */
  readonly transactions = new Map<number, number>()
  /** Acknowledged to a client as committed. */
  readonly acknowledged = new Map<number, number>()
  leadersSeen = 0
  /** Highest term of a message so far, pre-votes aside. */
  #newestTerm = 0
  certificatesSeen = 0
  newestCertifiedHeight = 0
  /** The members after each committed change, with the index of its entry; the first is genesis. */
  readonly #periods: { readonly index: number; readonly height: number; readonly members: SimMembers }[]
  /** Activations of changes that were committed. */
  changes = 0
  /** Called when the cluster has committed a change of members. */
  onMembers: (members: SimMembers) => void = () => undefined
  /** With a liar only what the design promises then is checked: certificates and execution, not Raft (DESIGN §5.7). */
  readonly #liar: number
  /** By node. */
  readonly #shadows: Shadow[] = []
  readonly #known = new Map<number, Known>()
  readonly #leaders = new Map<number, number>()
  readonly #votes = new Map<string, number>()
  readonly #certified = new Map<number, Uint8Array>()
  /** The same frame goes to every peer. */
  #newestAttestation: Uint8Array | undefined
  /** Block by node and height, as one number. */
  readonly #attested = new Map<number, Uint8Array>()
  /** Block hash and root by height, as committed. */
  readonly #blocks = new Map<number, { readonly hash: Uint8Array; readonly root: Uint8Array }>()

  constructor(nodes: readonly number[], genesis: SimMembers, liar: number) {
    this.#periods = [{ index: 0, height: 0, members: genesis }]
    this.#liar = liar
    for (const node of nodes) this.#shadows[node] = { view: [], durable: [], hardState: { term: 0, vote: 0, commit: 0 }, term: 0, status: undefined, executed: [], refused: new Set(), committed: 0, sentTerm: 0, roots: [] }
  }

  /** As the newest committed change leaves them. */
  get members(): SimMembers { return this.#newestMembers ?? this.#periods[0]!.members }
  #newestMembers: SimMembers | undefined

  get committedIndex(): number { return this.committed.length }

  fail(claim: string, details: Readonly<Record<string, unknown>>): void {
    this.violation ??= { claim, details }
  }

  #check(condition: boolean, claim: string, details: Readonly<Record<string, unknown>>): void {
    if (!condition) this.fail(claim, details)
  }

  #shadow(node: number): Shadow {
    const shadow = this.#shadows[node]
    if (shadow === undefined) throw new Error(`there is no node ${node}`)
    return shadow
  }

  /** A node is up again with what it found on its disk. `harmed`: a fault has spoilt what it had made durable, and it has repaired itself. `flipped`: bits on its disk have changed, so its entries are read. */
  started(node: number, log: Pick<Ledger, 'firstIndex' | 'lastIndex' | 'term' | 'entry' | 'recovered'>, hardState: HardState, harmed: boolean, flipped: boolean): void {
    const shadow = this.#shadow(node)
    const first = log.firstIndex()
    // What was pruned, or came as a snapshot, was committed: a certificate says so.
    const terms = Array.from({ length: log.lastIndex() }, (_, i) => (i + 1 < first ? this.committed[i]?.term : log.term(i + 1)) ?? -1)
    if (first > 1 && !this.#lied) this.#check(log.term(first - 1) === this.committed[first - 2]?.term, 'a log begins behind a committed entry', { node, first })
    const { durable } = shadow
    this.#check(hardState.term > shadow.hardState.term || (hardState.term === shadow.hardState.term && (shadow.hardState.vote === 0 || hardState.vote === shadow.hardState.vote)), 'term and vote survive a restart', { node, hardState, before: shadow.hardState })
    for (let i = 0; i < Math.min(durable.length, this.committed.length) && !this.#lied; i++) {
      if (durable[i] === this.committed[i]!.term && terms[i] !== durable[i]) this.fail('a committed entry that was durable survives a restart', { node, index: i + 1, term: durable[i], found: terms[i], harmed })
    }
    if (flipped && !this.#lied) this.#showsWhatItStored(node, log)
    shadow.view = terms
    shadow.durable = terms.slice()
    shadow.hardState = hardState
    // One that was written when the crash came is on the disk, though nobody heard of it.
    for (const { index, term } of log.recovered.refusals) shadow.refused.add(`${index}:${term}`)
    shadow.status = undefined
    shadow.executed = []
    shadow.sentTerm = 0
  }

  /** Committed entries are the same bytes for ever, on every disk. */
  #showsWhatItStored(node: number, log: Pick<Ledger, 'firstIndex' | 'lastIndex' | 'term' | 'entry'>): void {
    for (let index = log.firstIndex(); index <= Math.min(log.lastIndex(), this.committed.length); index++) {
      const agreed = this.committed[index - 1]!
      const found = log.entry(index)
      if (found?.term === agreed.term) this.#check(equalBytes(found.data, agreed.data), 'an entry is what was stored', { node, index })
    }
  }

  get #lied(): boolean { return this.#liar !== 0 }

  /** A batch goes to the ledger. */
  appended(node: number, { truncateFrom, entries }: LogBatch): void {
    if (node === this.#liar) return
    const { view } = this.#shadow(node)
    if (truncateFrom !== undefined) view.length = Math.min(view.length, truncateFrom - 1)
    for (const { index, term, kind, data } of entries) {
      const previousTerm = view[index - 2] ?? 0
      const key = term * 2 ** 32 + index
      const known = this.#known.get(key)
      if (known === undefined) this.#known.set(key, { kind, data: data.slice(), previousTerm })
      else if (!this.#lied && (known.previousTerm !== previousTerm || !equalBytes(known.data, data))) this.fail('Log Matching', { node, index, term })
      view[index - 1] = term
    }
  }

  /** The ledger has called a batch durable. */
  stored(node: number, { truncateFrom, entries, hardState, refusals }: LogBatch): void {
    const shadow = this.#shadow(node)
    if (truncateFrom !== undefined) shadow.durable.length = Math.min(shadow.durable.length, truncateFrom - 1)
    for (const { index, term } of entries) shadow.durable[index - 1] = term
    if (hardState !== undefined) shadow.hardState = hardState
    for (const { index, term } of refusals) shadow.refused.add(`${index}:${term}`)
  }

  executed(node: number, { index, term }: Entry): void {
    this.#shadow(node).executed[index] = term
  }

  /** Every frame as an honest node sends it. */
  sent(node: number, to: number, frame: Uint8Array): void {
    if (node === this.#liar) return
    if (frame[0] === ATTESTATION_FRAME) {
      if (frame !== this.#newestAttestation) this.#attests(node, frame.subarray(1))
      this.#newestAttestation = frame
      return
    }
    const message = decodeMessage(frame)
    const shadow = this.#shadow(node)
    const isPreVote = message.type === 'preVoteRequest' || message.type === 'preVoteAnswer'
    if (!isPreVote) {
      shadow.sentTerm = Math.max(shadow.sentTerm, message.term)
      this.#newestTerm = Math.max(this.#newestTerm, message.term)
    }
    if (message.type === 'appendAck' && message.index > 0) this.#acknowledges(node, shadow, message)
    if (message.type === 'appendRefusal') this.#check(shadow.refused.has(`${message.index}:${message.entryTerm}`), 'a refusal is durable before it is told', { node, index: message.index })
    if (message.type === 'voteRequest') this.#voted(node, message.term, node)
    if (message.type === 'voteAnswer' && message.granted) this.#voted(node, message.term, to)
  }

  #acknowledges(node: number, shadow: Shadow, message: Extract<Message, { type: 'appendAck' }>): void {
    const term = shadow.durable[message.index - 1]
    if (term === undefined) this.fail('an acknowledged entry is durable', { node, index: message.index, durable: shadow.durable.length })
    if (shadow.refused.size > 0) this.#check(!shadow.refused.has(`${message.index}:${term}`), 'a refused entry is never acknowledged', { node, index: message.index, term })
    const executed = shadow.status?.executedIndex ?? message.index
    // A no-op needs no execution: it counts as executed with the entry before it, maybe within this very step.
    if (message.index > executed && shadow.executed[message.index] === undefined && this.#known.get(term! * 2 ** 32 + message.index)?.kind !== 'noop') this.fail('an acknowledged entry is executed', { node, index: message.index, executed })
  }

  #voted(node: number, term: number, candidate: number): void {
    const key = `${node}:${term}`
    const earlier = this.#votes.get(key)
    this.#check(earlier === undefined || earlier === candidate, 'one vote per term, over restarts', { node, term, earlier, candidate })
    this.#votes.set(key, candidate)
    const { hardState } = this.#shadow(node)
    this.#check(hardState.term > term || (hardState.term === term && hardState.vote === candidate), 'a vote is durable before it is told', { node, term, candidate, hardState })
  }

  #attests(node: number, bytes: Uint8Array): void {
    const { content } = decode(attestationSchema, bytes)
    const height = Number(content.height)
    const key = height * NODES_MAX + node
    const { block } = content
    const earlier = this.#attested.get(key)
    this.#check(earlier === undefined || equalBytes(earlier, block), 'a member attests to one block at a height', { node, height })
    this.#attested.set(key, block)
    const committed = this.#blocks.get(height)
    if (!this.#lied && (committed === undefined || !equalBytes(committed.hash, block))) this.fail('only committed blocks are attested', { node, height })
  }

  certified(node: number, { content, signatures }: Certificate): void {
    const height = Number(content.height)
    const { block } = content
    const earlier = this.#certified.get(height)
    this.#check(earlier === undefined || equalBytes(earlier, block), 'no two certificates at one height', { node, height })
    this.#certified.set(height, block)
    this.certificatesSeen++
    this.newestCertifiedHeight = Math.max(this.newestCertifiedHeight, height)
    const { voters } = this.#periods.findLast((period) => period.height < height)!.members.set
    const signers = new Set<number>()
    for (const signature of signatures) if (voters.some((voter) => voter.node === signature.node)) signers.add(signature.node)
    if (signers.size < certificateQuorum(voters.length)) this.fail('a certificate carries a quorum of the voters of its height', { node, height, signers: [...signers], voters: voters.map((voter) => voter.node) })
  }

  /** State root that the chain of this node has at a height; only kept when somebody lies. */
  rootAt(node: number, height: number): Uint8Array | undefined {
    return height === 0 ? GENESIS_ROOT : this.#shadow(node).roots[height]
  }

  /** A node applies a committed entry. */
  applied(node: number, entry: Entry, executed: ExecutedSimBlock | undefined): void {
    if (this.#lied && executed !== undefined) this.#rootIsRight(node, executed.block)
    if (node === this.#liar) return
    const shadow = this.#shadow(node)
    if (shadow.durable[entry.index - 1] !== entry.term) this.fail('an applied entry is durable', { node, index: entry.index })
    this.#committedAt(node, shadow, entry, executed)
    if (executed !== undefined) this.#blockCommitted(node, executed)
    shadow.committed = Math.max(shadow.committed, entry.index)
  }

  #rootIsRight(node: number, block: ExecutedSimBlock['block']): void {
    const before = this.rootAt(node, block.height - 1)
    const { roots } = this.#shadow(node)
    if (before !== undefined && node !== this.#liar) this.#check(equalBytes(simRoot(before, block.transactions), block.root), 'an honest node commits no forged root', { node, height: block.height })
    roots[block.height] = before === undefined ? block.root : simRoot(before, block.transactions)
  }

  /** A leader or follower shows a commit index: learn what stands there. */
  #committedAt(node: number, shadow: Shadow, entry: Entry, executed: ExecutedSimBlock | undefined): void {
    const known = this.committed[entry.index - 1]
    if (known === undefined) {
      this.committed[entry.index - 1] = { term: entry.term, data: entry.data, kind: entry.kind, byTerm: this.#newestTerm }
      this.#isAtMajority(node, entry.index, entry.term)
      if (executed !== undefined) this.#membersCommitted(entry.index, executed)
    } else if (!this.#lied && (known.term !== entry.term || !equalBytes(known.data, entry.data))) this.fail('State Machine Safety', { node, index: entry.index, term: entry.term, agreed: known.term, view: shadow.view.length })
  }

  #isAtMajority(node: number, index: number, term: number): void {
    if (this.#lied) return
    const holders: number[] = []
    this.#shadows.forEach(({ durable }, id) => { if (durable[index - 1] === term) holders.push(id) })
    // A change is in force from its commit on; entries that were committed in one step with it still counted under the configuration before.
    const periods = this.#periods.slice(-2)
    if (!periods.some(({ members: { configuration } }) => isMajority(holders, configuration.voters) && (configuration.outgoing.length === 0 || isMajority(holders, configuration.outgoing)))) this.fail(
      'CommittedIsDurableInv: what is committed is durable at a majority', { node, index, term, holders, configurations: periods.map(({ index: from, members: { configuration } }) => ({ from, voters: configuration.voters, outgoing: configuration.outgoing })) })
  }

  #membersCommitted(index: number, { members, change, block: { height } }: ExecutedSimBlock): void {
    this.#newestMembers = members
    if (change === undefined) return
    const before = this.#periods.at(-1)!
    this.#periods.push({ index, height, members })
    this.changes++
    if (!this.#lied) this.#check(overlap(before.members.configuration, members.configuration), 'two configurations that follow each other cannot decide apart', { index, before: before.members.configuration, after: members.configuration })
    const present = new Set([...before.members.configuration.voters, ...before.members.configuration.outgoing])
    for (const id of members.configuration.voters) if (!present.has(id)) this.#check(this.#shadow(id).durable.length > 0, 'who becomes a voter has caught up first', { index, node: id })
    this.onMembers(members)
  }

  #blockCommitted(node: number, { block, hash }: ExecutedSimBlock): void {
    const known = this.#blocks.get(block.height)
    if (known === undefined) {
      this.#blocks.set(block.height, { hash, root: block.root })
      for (const transaction of block.transactions) {
        if (!this.#lied && this.transactions.has(transaction)) this.fail('no transaction is applied twice', { node, transaction, height: block.height, first: this.transactions.get(transaction) })
        this.transactions.set(transaction, block.height)
      }
    } else if (!this.#lied && !(equalBytes(known.hash, hash) && equalBytes(known.root, block.root))) this.fail('one block and one root at a height', { node, height: block.height })
    const certified = this.#certified.get(block.height)
    if (!this.#lied && certified !== undefined && !equalBytes(certified, hash)) this.fail('a certified block is the committed one', { node, height: block.height })
  }

  /** A read was answered: everything that any client could have seen when it was asked is in it. */
  readServed(node: number, floor: number, index: number): void {
    if (node !== this.#liar && !this.#lied) this.#check(index >= floor, 'a linearizable read sees what was committed before', { node, floor, index })
  }

  /** Looks at the core after a step of its node. */
  look(node: number, status: RaftStatus): void {
    if (node === this.#liar) return
    const shadow = this.#shadow(node)
    const before = shadow.status
    shadow.status = status
    const { appliedIndex, committedIndex, executedIndex, lastIndex, term } = status
    if (!(appliedIndex <= committedIndex && committedIndex <= executedIndex && executedIndex <= lastIndex)) this.fail('applied ≤ committed ≤ executed ≤ last', { node, appliedIndex, committedIndex, executedIndex, lastIndex })
    if (term < shadow.term && before !== undefined) this.fail('MonotonicTermProp', { node, term, before: shadow.term })
    shadow.term = term
    if (shadow.sentTerm > term) this.fail('MonoTermInv: no message above its sender\'s term', { node, term, sent: shadow.sentTerm })
    if (this.#lied) return
    if (before !== undefined) {
      if (committedIndex < before.committedIndex) this.fail('CommittedLogAppendOnlyProp', { node, committedIndex, before: before.committedIndex })
      const campaigns = before.role !== status.role && status.role === 'candidate'
      if (campaigns) this.#check(executedIndex === lastIndex, 'nobody campaigns over an unexecuted tail', { node, executedIndex, lastIndex })
    }
    if (status.role === 'leader') this.#lookAtLeader(node, status, before)
  }

  #lookAtLeader(node: number, status: RaftStatus, before: RaftStatus | undefined): void {
    const { term, lastIndex, committedIndex } = status
    const known = this.#leaders.get(term)
    if (known !== undefined && known !== node) this.fail('Election Safety', { term, first: known, second: node })
    if (known === undefined) {
      this.#leaders.set(term, node)
      this.leadersSeen++
    }
    if (status.fence !== undefined) this.fail('a fenced node does not lead', { node, term })
    const same = before?.role === 'leader' && before.term === term
    if (same) {
      if (lastIndex < before.lastIndex) this.fail('Leader Append-Only', { node, term, lastIndex, before: before.lastIndex })
      if (committedIndex > before.committedIndex) this.#check(this.#shadow(node).view[committedIndex - 1] === term, 'NeverCommitEntryPrevTermsProp', { node, term, committedIndex })
      for (const peer of status.peers) {
        const earlier = before.peers.find(({ id }) => id === peer.id)
        if (earlier !== undefined && !(peer.match >= earlier.match && peer.match < peer.next)) this.fail('MonotonicMatchIndexProp', { node, peer: peer.id, match: peer.match, before: earlier.match })
      }
      return
    }
    // By Log Matching, holding the newest committed entry means holding all of them. Whoever wins an old term late (a paused candidate does) needs to hold only what that term or an earlier one has committed.
    let newest = this.committed.length
    while (newest > 0 && this.committed[newest - 1]!.byTerm > term) newest--
    const { view } = this.#shadow(node)
    if (newest > 0) this.#check(view[newest - 1] === this.committed[newest - 1]!.term, 'Leader Completeness', { leader: node, term, newestCommitted: newest, holds: view[newest - 1] })
  }
}

function isMajority(holders: readonly number[], voters: readonly number[]): boolean {
  return voters.filter((id) => holders.includes(id)).length > voters.length / 2
}

/** Whether every quorum of one meets every quorum of the other: they differ in one voter at most, or one is joint and holds the other (thesis §4.1, §4.3). */
function overlap(a: Configuration, b: Configuration): boolean {
  const halves = ({ voters, outgoing }: Configuration): readonly (readonly number[])[] => (outgoing.length === 0 ? [voters] : [voters, outgoing])
  return halves(a).some((one) => halves(b).some((other) => one.filter((id) => !other.includes(id)).length + other.filter((id) => !one.includes(id)).length <= 1))
}
