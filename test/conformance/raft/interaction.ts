import type { CoreObserver } from '../../../consensus/core/observer.ts'
import { readAddNodes } from './add-nodes.ts'
import { parseChanges } from './changes.ts'
import { CommandError, ConformanceFileError, booleanOf, numberOf, valuesOf } from './datadriven.ts'
import type { Directive } from './datadriven.ts'
import { Environment } from './environment.ts'
import { EtcdNode } from './etcd-node.ts'
import { envelopeOf, printEntry, printMessage, shownTerm } from './messages.ts'
import { LEVELS, STATES, printProgress } from './output.ts'

const ELECTION_TICKS = 3
const MESSAGE_TYPES: ReadonlySet<string> = new Set([
  'MsgHup', 'MsgBeat', 'MsgProp', 'MsgApp', 'MsgAppResp', 'MsgVote', 'MsgVoteResp', 'MsgSnap', 'MsgHeartbeat', 'MsgHeartbeatResp', 'MsgUnreachable', 'MsgSnapStatus', 'MsgCheckQuorum', 'MsgTransferLeader',
  'MsgTimeoutNow', 'MsgReadIndex', 'MsgReadIndexResp', 'MsgPreVote', 'MsgPreVoteResp', 'MsgStorageAppend', 'MsgStorageAppendResp', 'MsgStorageApply', 'MsgStorageApplyResp', 'MsgForgetLeader',
])

/**
 * Runs the commands of etcd's interaction files (`rafttest`) on our cores and prints what etcd's harness prints. One per file.
 * Throws `ConformanceFileError` for a command that cannot be read.
 */
export class InteractionRunner {
  readonly #environment = new Environment()
  readonly #observer: CoreObserver | undefined

  /** `observer` is told what every core of the file does. */
  constructor(observer?: CoreObserver) {
    this.#observer = observer
  }

  /** What the command prints. */
  run(directive: Directive): string {
    const { out } = this.#environment
    out.reset()
    try {
      this.#handle(directive)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      if (out.quiet) return error.message
      out.print(error.message)
    }
    return out.text === '' ? 'ok' : out.text
  }

  #handle(directive: Directive): void {
    const environment = this.#environment
    switch (directive.command) {
      case '_breakpoint': return
      case 'log-level': return this.#logLevel(directive.args[0]?.key ?? '')
      case 'add-nodes': return this.#addNodes(directive)
      case 'campaign': this.#first(directive).step({ type: 'campaign' }); return
      case 'compact': return this.#compact(directive)
      case 'deliver-msgs': return this.#deliver(directive)
      case 'process-ready': return this.#each(directive, 'handling Ready', (node) => environment.ready(node))
      case 'process-append-thread': return this.#each(directive, 'processing append thread', (node) => environment.appendThread(node))
      case 'process-apply-thread': return this.#each(directive, 'processing apply thread', (node) => environment.applyThread(node))
      case 'stabilize': return this.#stabilize(directive)
      case 'propose': return this.#propose(directive)
      case 'propose-conf-change': return this.#proposeChange(directive)
      case 'tick-heartbeat': this.#first(directive).step({ type: 'tick' }); return
      case 'tick-election': for (let i = 0; i < ELECTION_TICKS; i++) this.#first(directive).step({ type: 'tick' }); return
      case 'set-randomized-election-timeout': return this.#setTimeout(directive)
      case 'forget-leader': this.#first(directive).step({ type: 'forgetLeader' }); return
      case 'transfer-leadership': return this.#node(directive, valuesOf(directive, 'from')?.[0]).transfer(this.#node(directive, valuesOf(directive, 'to')?.[0]).id)
      case 'report-unreachable': return this.#reportUnreachable(directive)
      case 'send-snapshot': return this.#sendSnapshot(directive)
      case 'raft-log': return this.#printLog(this.#first(directive))
      case 'raft-state': return this.#printStates()
      case 'status': for (const peer of this.#first(directive).status.peers) environment.out.print(`${peer.id}: ${printProgress(peer)}`); return
      default: throw new CommandError('unknown command')
    }
  }

  #node(directive: Directive, text: string | undefined): EtcdNode {
    const id = numberOf(directive, text, 'a node')
    const node = this.#environment.nodes[id - 1]
    if (node === undefined) throw new ConformanceFileError(directive.place, `${directive.command}: there is no node ${id}`)
    return node
  }

  #first(directive: Directive): EtcdNode {
    return this.#node(directive, directive.args[0]?.key)
  }

  /** The nodes that stand alone among the arguments. */
  #named(directive: Directive): EtcdNode[] {
    return directive.args.filter(({ values }) => values.length === 0).map(({ key }) => this.#node(directive, key))
  }

  #logLevel(name: string): void {
    const level = LEVELS.find((each) => each === name.toUpperCase())
    if (level === undefined) throw new CommandError(`log levels must be either of [${LEVELS.join(' ')}]`)
    this.#environment.out.level = level
  }

  #addNodes(directive: Directive): void {
    const { nodes } = this.#environment
    const { count, start, options, async } = readAddNodes(directive)
    for (let i = 0; i < count; i++) nodes.push(new EtcdNode(nodes.length + 1, start, options, async, (level, text) => this.#environment.out.log(level, text), this.#observer))
  }

  #each(directive: Directive, title: string, work: (node: EtcdNode) => void): void {
    const { out } = this.#environment
    const nodes = this.#named(directive)
    for (const node of nodes) {
      if (nodes.length === 1) {
        work(node)
        continue
      }
      out.print(`> ${node.id} ${title}`)
      out.indented(() => work(node))
    }
  }

  #stabilize(directive: Directive): void {
    const { nodes, out } = this.#environment
    const before = out.level
    for (const level of valuesOf(directive, 'log-level') ?? []) this.#logLevel(level)
    const named = this.#named(directive)
    this.#environment.stabilize(named.length === 0 ? nodes : named)
    out.level = before
  }

  #deliver(directive: Directive): void {
    const type = valuesOf(directive, 'type')?.at(-1)
    if (type !== undefined && !MESSAGE_TYPES.has(type)) throw new ConformanceFileError(directive.place, `deliver-msgs: unknown type ${type}`)
    const orders: { readonly to: number; readonly drop: boolean }[] = []
    for (const { key, values } of directive.args) {
      if (values.length === 0) orders.push({ to: this.#node(directive, key).id, drop: false })
      // Messages to nodes that do not exist yet may be dropped.
      else if (key === 'drop') for (const text of values) orders.push({ to: numberOf(directive, text, 'drop'), drop: true })
      else if (key !== 'type') throw new ConformanceFileError(directive.place, `deliver-msgs: unknown option ${key}`)
    }
    if (orders.some(({ to, drop }) => drop && orders.some((other) => other.to === to && !other.drop))) throw new ConformanceFileError(directive.place, 'deliver-msgs: a node both receives and loses its messages')
    let count = 0
    for (const { to, drop } of orders) count += this.#environment.deliver(to, drop, type)
    if (count === 0) this.#environment.out.print('no messages')
  }

  #propose(directive: Directive): void {
    const [, data, ...rest] = directive.args
    if (data === undefined || data.values.length > 0 || rest.length > 0) throw new ConformanceFileError(directive.place, 'propose: a node and one word are needed')
    fail(this.#first(directive).propose({ data: new TextEncoder().encode(data.key) }))
  }

  #proposeChange(directive: Directive): void {
    const node = this.#first(directive)
    let [v1, transition]: [boolean, 'auto' | 'implicit' | 'explicit'] = [false, 'auto']
    for (const { key, values } of directive.args.slice(1)) {
      for (const value of values) {
        if (key === 'v1') v1 = booleanOf(directive, value, key)
        else if (key !== 'transition') throw new CommandError(`unknown command ${key}`)
        else if (value === 'auto' || value === 'implicit' || value === 'explicit') transition = value
        else throw new CommandError(`unknown transition ${value}`)
      }
    }
    const changes = parseChanges(directive.input)
    if (typeof changes === 'string') throw new CommandError(changes)
    if (v1 && (changes.length > 1 || transition !== 'auto')) throw new CommandError('v1 conf change can only have one operation and no transition')
    if (v1 && changes.length === 0) throw new ConformanceFileError(directive.place, 'propose-conf-change: a v1 change needs an operation')
    fail(node.propose({ change: { transition, changes }, v1 }))
  }

  #setTimeout(directive: Directive): void {
    const timeout = numberOf(directive, valuesOf(directive, 'timeout')?.[0], 'timeout')
    this.#first(directive).step({ type: 'electionJitter', jitter: timeout - ELECTION_TICKS })
  }

  #reportUnreachable(directive: Directive): void {
    const [node, peer, ...rest] = this.#named(directive)
    if (node === undefined || peer === undefined || rest.length > 0) throw new CommandError('must specify exactly two node indexes: node on which to report, and reported node')
    node.step({ type: 'unreachable', peer: peer.id })
  }

  #sendSnapshot(directive: Directive): void {
    const [from, to, ...rest] = this.#named(directive)
    if (from === undefined || to === undefined || rest.length > 0) throw new ConformanceFileError(directive.place, 'send-snapshot: two nodes are needed')
    const { index, term: entryTerm } = from.newestSnapshot
    const message = envelopeOf({ type: 'snapshotOffer', from: from.id, to: to.id, term: from.status.term, index, entryTerm }, from.newestSnapshot)
    this.#environment.send(message)
    this.#environment.out.print(printMessage(message))
  }

  #compact(directive: Directive): void {
    const node = this.#first(directive)
    const index = numberOf(directive, directive.args[1]?.key, 'an index')
    if (index < node.disk.firstIndex()) throw new CommandError('requested index is unavailable due to compaction')
    if (index > node.disk.lastIndex()) throw new ConformanceFileError(directive.place, `compact: ${index} is out of bound lastindex(${node.disk.lastIndex()})`)
    node.compact(index)
    this.#printLog(node)
  }

  #printLog({ disk }: EtcdNode): void {
    const { out } = this.#environment
    if (disk.entryList.length === 0) out.print(`log is empty: first index=${disk.firstIndex()}, last index=${disk.lastIndex()}`)
    for (const entry of disk.entryList) out.print(printEntry(entry))
  }

  #printStates(): void {
    for (const { id, status } of this.#environment.nodes) {
      const { configuration, leader, role, term } = status
      const voter = configuration.voters.includes(id) || configuration.outgoing.includes(id)
      this.#environment.out.print(`${id}: ${STATES[role]} (${voter ? 'Voter' : 'Non-Voter'}) Term:${shownTerm(term)} Lead:${leader}`)
    }
  }
}

function fail(error: string | undefined): void {
  if (error !== undefined) throw new CommandError(error)
}
