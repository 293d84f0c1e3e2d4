import type { Entry } from '../../../consensus/core/message.ts'
import type { EtcdNode, Ready } from './etcd-node.ts'
import { envelopeOf, printMessage } from './messages.ts'
import type { Envelope, Snapshot } from './messages.ts'
import { Output, printReady } from './output.ts'

/** A sound core settles within tens of rounds; a broken one may never. */
const ROUNDS_MAX = 500

interface AppendWork { readonly message: Envelope; readonly ready: Ready }
interface Queues { readonly append: AppendWork[]; readonly apply: Envelope[] }

/** Nodes, the messages between them and the work of their storage threads; each verb prints what etcd's `rafttest` prints for it. */
export class Environment {
  readonly nodes: EtcdNode[] = []
  readonly out = new Output()
  #network: Envelope[] = []
  readonly #queues = new Map<EtcdNode, Queues>()

  send(message: Envelope): void {
    this.#network.push(message)
  }

  /** Handles a Ready: at once, or by handing work to the node's threads. */
  ready(node: EtcdNode): void {
    const ready = node.ready()
    const { messages, answers, committed } = ready
    const print = (all: readonly Envelope[]): void => this.out.print(printReady(ready, all))
    if (!node.async) {
      const sent = [...messages, ...answers.filter(({ to }) => to !== node.id).map((message) => envelopeOf(message))]
      print(sent)
      node.apply(committed)
      this.#network.push(...sent)
      for (const answer of answers) if (answer.to === node.id) node.deliverOwn(answer)
      const last = committed.at(-1)
      if (last !== undefined) node.step({ type: 'applied', index: last.index })
      return
    }
    const [append, apply] = [appendMessage(node, ready), applyMessage(node, committed)]
    print([...messages, ...[append, apply].filter((message) => message !== undefined)])
    this.#network.push(...messages)
    const queues = this.#queuesOf(node)
    if (append !== undefined) queues.append.push({ message: append, ready })
    if (apply !== undefined) queues.apply.push(apply)
  }

  appendThread(node: EtcdNode): void {
    const work = this.#queuesOf(node).append.shift()
    if (work === undefined) return this.out.print('no append work to perform')
    const { message: { responses = [], ...message }, ready: { entries, truncateFrom, snapshot } } = work
    this.out.print(`Processing:\n${printMessage(message)}`)
    node.write(entries, truncateFrom, snapshot)
    this.#respond(responses)
  }

  applyThread(node: EtcdNode): void {
    const work = this.#queuesOf(node).apply.shift()
    if (work === undefined) return this.out.print('no apply work to perform')
    const { responses = [], ...message } = work
    this.out.print(`Processing:\n${printMessage(message)}`)
    node.apply(message.entries ?? [])
    this.#respond(responses)
  }

  /** Delivers or drops what is under way to node `to`, oldest first; how many messages that were. */
  deliver(to: number, drop = false, type?: string): number {
    const chosen = this.#network.filter((message) => isFor(message, to, drop, type))
    this.#network = this.#network.filter((message) => !isFor(message, to, drop, type))
    for (const message of chosen) {
      this.out.print(`${drop ? 'dropped: ' : ''}${printMessage(message)}`)
      if (drop) continue
      const error = this.nodes[to - 1]?.receive(message)
      if (error !== undefined) this.out.print(error)
    }
    return chosen.length
  }

  /** Readys, messages and threads of `nodes` in turns, until a whole round had nothing to do. */
  stabilize(nodes: readonly EtcdNode[]): void {
    for (let [moved, rounds] = [true, 0]; moved; rounds++) {
      if (rounds > ROUNDS_MAX) throw new Error(`the nodes do not come to rest within ${ROUNDS_MAX} rounds`)
      moved = false
      const round = (due: (node: EtcdNode) => boolean, title: string, work: (node: EtcdNode) => void): void => {
        for (const node of nodes) {
          if (!due(node)) continue
          moved = true
          this.out.print(`> ${node.id} ${title}`)
          this.out.indented(() => work(node))
        }
      }
      round((node) => node.hasReady(), 'handling Ready', (node) => this.ready(node))
      round(({ id }) => this.#network.some((message) => isFor(message, id, false)), 'receiving messages', ({ id }) => this.deliver(id))
      round((node) => this.#queuesOf(node).append.length > 0, 'processing append thread', (node) => { while (this.#queuesOf(node).append.length > 0) this.appendThread(node) })
      round((node) => this.#queuesOf(node).apply.length > 0, 'processing apply thread', (node) => { while (this.#queuesOf(node).apply.length > 0) this.applyThread(node) })
    }
  }

  #respond(responses: readonly Envelope[]): void {
    this.out.print(`Responses:${responses.map((each) => `\n${printMessage(each)}`).join('')}`)
    this.#network.push(...responses)
  }

  #queuesOf(node: EtcdNode): Queues {
    const known = this.#queues.get(node)
    if (known !== undefined) return known
    const queues = { append: [], apply: [] }
    this.#queues.set(node, queues)
    return queues
  }
}

/** Messages of a node to itself and of its threads are never lost. */
function isFor({ from, to, type }: Envelope, node: number, drop: boolean, wanted?: string): boolean {
  return to === node && !(drop && (from === to || typeof from === 'string')) && (wanted === undefined || wanted === type)
}

/** The write of a Ready, with the answers that wait for it; undefined when there is nothing to write and nothing waits. */
function appendMessage(node: EtcdNode, { answers, batch, entries, hardState, snapshot }: Ready): Envelope | undefined {
  if (entries.length === 0 && hardState === undefined && snapshot === undefined && answers.length === 0) return undefined
  const { lastIndex, lastTerm, storedIndex, term } = node.status
  const responses = answers.map((message) => envelopeOf(message))
  const unstored = storedIndex < lastIndex
  if (unstored || snapshot !== undefined) {
    const position = unstored ? { logTerm: lastTerm, index: lastIndex } : {}
    responses.push({ from: 'AppendThread', to: node.id, type: 'MsgStorageAppendResp', term, ...position, ...optional(snapshot), payload: { kind: 'stored', term, batch } })
  }
  return { from: node.id, to: 'AppendThread', type: 'MsgStorageAppend', ...(hardState ?? { term: 0 }), entries, ...optional(snapshot), responses, payload: undefined }
}

function applyMessage(node: EtcdNode, entries: readonly Entry[]): Envelope | undefined {
  const last = entries.at(-1)
  if (last === undefined) return undefined
  const response: Envelope = { from: 'ApplyThread', to: node.id, type: 'MsgStorageApplyResp', term: 0, entries, payload: { kind: 'applied', index: last.index } }
  return { from: node.id, to: 'ApplyThread', type: 'MsgStorageApply', term: 0, entries, responses: [response], payload: undefined }
}

function optional(snapshot: Snapshot | undefined): { snapshot: Snapshot } | Record<never, never> {
  return snapshot === undefined ? {} : { snapshot }
}
