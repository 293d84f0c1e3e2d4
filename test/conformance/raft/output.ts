import type { PeerStatus, Role } from '../../../consensus/core/effects.ts'
import { printEntry, printMessage, printSnapshot, shownTerm } from './messages.ts'
import type { Ready } from './etcd-node.ts'
import type { Envelope } from './messages.ts'

export const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'] as const
export type Level = typeof LEVELS[number]

const PROGRESS = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const
export const STATES: Readonly<Record<Role, string>> = { follower: 'StateFollower', preCandidate: 'StatePreCandidate', candidate: 'StateCandidate', leader: 'StateLeader' }

/** What one command prints. At level NONE nothing is kept, errors aside. */
export class Output {
  level: Level = 'DEBUG'
  #text = ''
  #indent = ''

  get text(): string { return this.#text }
  get quiet(): boolean { return this.level === 'NONE' }

  reset(): void {
    this.#text = ''
  }

  /** Prints lines, indented as deep as the work is nested. */
  print(text: string): void {
    if (this.quiet) return
    for (const line of text.replace(/\n$/, '').split('\n')) this.#text += `${this.#indent}${line}\n`
  }

  log(level: Level, text: string): void {
    if (LEVELS.indexOf(this.level) <= LEVELS.indexOf(level)) this.print(`${level} ${text}`)
  }

  indented(work: () => void): void {
    const outer = this.#indent
    this.#indent = `${outer}  `
    try {
      work()
    } finally {
      this.#indent = outer
    }
  }
}

/** As etcd's `DescribeReady` prints it; `messages` are those of the Ready with the ones to the storage threads. */
export function printReady(ready: Ready, messages: readonly Envelope[]): string {
  const { softState, hardState, entries, snapshot, committed, mustSync } = ready
  const lines: string[] = []
  if (softState !== undefined) lines.push(`Lead:${softState.leader} State:${STATES[softState.role]}`)
  if (hardState !== undefined) lines.push(`HardState Term:${shownTerm(hardState.term)}${hardState.vote === 0 ? '' : ` Vote:${hardState.vote}`} Commit:${hardState.commit}`)
  if (entries.length > 0) lines.push('Entries:', ...entries.map(printEntry))
  if (snapshot !== undefined) lines.push(`Snapshot ${printSnapshot(snapshot)}`)
  if (committed.length > 0) lines.push('CommittedEntries:', ...committed.map(printEntry))
  if (messages.length > 0) lines.push('Messages:', ...messages.map((message) => printMessage(message)))
  return lines.length === 0 ? '<empty Ready>' : `Ready MustSync=${mustSync}:\n${lines.join('\n')}`
}

/** As etcd prints a follower's progress. */
export function printProgress(peer: PeerStatus): string {
  return [
    `${PROGRESS[peer.state]} match=${peer.match} next=${peer.next}`, peer.learner ? ' learner' : '', peer.paused ? ' paused' : '', peer.pendingSnapshot > 0 ? ` pendingSnap=${peer.pendingSnapshot}` : '',
    peer.recentlyActive ? '' : ' inactive', peer.inflight > 0 ? ` inflight=${peer.inflight}${peer.inflightFull ? '[full]' : ''}` : '',
  ].join('')
}
