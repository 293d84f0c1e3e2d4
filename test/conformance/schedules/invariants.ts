import { equalBytes } from '../../../primitives/bytes.ts'
import type { Entry } from '../../../consensus/core/message.ts'
import type { ScheduleNode } from './node.ts'

/** A safety property that a schedule broke. */
export class SafetyViolation extends Error {}

/** Commit safety under changing configurations, checked at every step of a core, and over all logs after every line. */
export class ScheduleInvariants {
  readonly #nodes: ReadonlyMap<number, ScheduleNode>
  /** What was ever committed, by index − 1. */
  readonly #committed: Entry[] = []
  readonly #leaders = new Map<number, number>()
  readonly #commits = new Map<number, number>()

  constructor(nodes: ReadonlyMap<number, ScheduleNode>) {
    this.#nodes = nodes
  }

  /** After each input of a node, while the configuration by which it decided is still in force. */
  stepped(node: ScheduleNode): void {
    const { committedIndex, configuration, role, term } = node.status
    const before = this.#commits.get(node.id) ?? 0
    check(committedIndex >= before, `node ${node.name} lowered its commit index from ${before} to ${committedIndex}`)
    this.#commits.set(node.id, committedIndex)
    if (role === 'leader') this.#checkLeader(node, term)
    if (role === 'leader' && committedIndex > before) {
      for (const half of [configuration.voters, configuration.outgoing]) {
        const holders = half.filter((id) => this.#nodes.get(id)?.log.term(committedIndex) === node.log.term(committedIndex))
        check(half.length === 0 || holders.length > half.length / 2, `node ${node.name} committed index ${committedIndex}, which only ${holders.length} of ${half.length} voters hold`)
      }
      check(node.log.term(committedIndex) === term, `node ${node.name} committed index ${committedIndex} of an earlier term by counting (§5.4.2)`)
    }
    // A follower may learn of a commit in the step that brings the entry, which is stored after it; `checkAll` looks at it then.
    if (role === 'leader') for (let index = before + 1; index <= committedIndex; index++) this.#checkCommitted(node, index)
  }

  /** After each line: committed prefixes agree, and logs that agree in one entry agree in all before it. */
  checkAll(): void {
    const nodes = [...this.#nodes.values()]
    for (const a of nodes) {
      for (let index = 1; index <= a.status.committedIndex; index++) this.#checkCommitted(a, index)
      for (const b of nodes) if (a.id < b.id) checkLogMatching(a, b)
    }
  }

  /** Who was seen to lead `term`. */
  leaderOf(term: number): number | undefined { return this.#leaders.get(term) }

  #checkLeader(node: ScheduleNode, term: number): void {
    const known = this.#leaders.get(term)
    if (known === node.id) return
    check(known === undefined, `nodes ${this.#nodes.get(known ?? 0)?.name} and ${node.name} both lead term ${term}`)
    this.#leaders.set(term, node.id)
    for (const entry of this.#committed) check(node.log.term(entry.index) === entry.term, `leader ${node.name} of term ${term} lacks the committed entry ${entry.index}`)
  }

  #checkCommitted(node: ScheduleNode, index: number): void {
    const entry = node.log.entryList[index - 1]
    const agreed = this.#committed[index - 1]
    check(entry !== undefined, `node ${node.name} committed index ${index} before it was stored`)
    if (agreed === undefined) {
      check(this.#committed.length === index - 1, `node ${node.name} committed index ${index} ahead of everyone`)
      this.#committed.push(entry)
    } else check(agreed.term === entry.term && equalBytes(agreed.data, entry.data), `node ${node.name} committed another entry at index ${index}`)
  }
}

function checkLogMatching(a: ScheduleNode, b: ScheduleNode): void {
  let matched = false
  for (let index = Math.min(a.log.lastIndex(), b.log.lastIndex()); index > 0; index--) {
    const [x, y] = [a.log.entryList[index - 1], b.log.entryList[index - 1]]
    if (x === undefined || y === undefined) continue
    matched ||= x.term === y.term
    check(!matched || (x.term === y.term && equalBytes(x.data, y.data)), `the logs of nodes ${a.name} and ${b.name} differ at index ${index} below an entry they share`)
  }
}

function check(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new SafetyViolation(claim)
}
