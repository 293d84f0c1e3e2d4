import type { Entry } from '../../../consensus/core/message.ts'
import type { ChangeSet } from '../../../consensus/core/reconfiguration.ts'

/** What a schedule put into an entry. CCF commits up to signatures only; `members` is the configuration that the entry asks for. */
export interface Content { readonly kind: 'data' | 'signature' | 'configuration' | 'retired'; readonly text: string; readonly members?: readonly number[]; readonly change?: ChangeSet }

/** An entry that CCF would have too, under CCF's number. */
export interface SeenEntry { readonly entry: Entry; readonly content: Content; readonly number: number }

export function encodeContent(content: Content): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(content))
}

export function decodeContent(entry: Entry): Content | undefined {
  return entry.data.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(entry.data)) as Content
}

/**
 * The entries of a log under the numbers CCF gives them: CCF knows neither the no-op that opens a term nor the entry that leaves a joint configuration. Its first entry, the
 * configuration of the start node (always of term 2), stands where our first no-op stands. A network that starts with several nodes has no such entry, and its first term is 1.
 */
export function seenEntries(entries: readonly Entry[]): SeenEntry[] {
  const seen: SeenEntry[] = []
  for (const entry of entries) {
    const content = entry.index === 1 && entry.term === 2 ? { kind: 'configuration', text: 'start' } as const : decodeContent(entry)
    if (content !== undefined) seen.push({ entry, content, number: seen.length + 1 })
  }
  return seen
}

/** CCF's commit index: its number of the newest signature (or of the start) among the committed entries. */
export function committedNumber(entries: readonly Entry[], committed: number): number {
  return seenEntries(entries).findLast(({ entry, content }) => entry.index <= committed && content.kind === 'signature')?.number ?? 0
}

/** True when something follows the last signature: CCF drops it in an election, we keep it. */
export function hasUnsignedTail(entries: readonly Entry[]): boolean {
  const last = seenEntries(entries).at(-1)
  return last !== undefined && last.content.kind !== 'signature' && last.number > 1
}
