import { APPEND_ENTRIES_MAX } from './config.ts'
import { entriesBytes } from './message.ts'
import type { Entry, NodeId } from './message.ts'
import type { Progress } from './progress.ts'
import type { RaftState } from './state.ts'

/** Sends to every follower what it lacks, or at least the commit index. */
export function broadcastAppend(state: RaftState): void {
  for (const [id] of state.tracker.nodes) if (id !== state.id) sendAppend(state, id, true)
}

/** The heartbeat carries the newest waiting read, and never commits more than the follower has acknowledged. */
export function broadcastHeartbeat(state: RaftState): void {
  const read = state.reads.position
  for (const [to, peer] of state.tracker.nodes) {
    if (to === state.id) continue
    const commit = Math.min(peer.match, state.log.committed)
    state.send({ type: 'heartbeat', from: state.id, to, term: state.term, commit, read })
    peer.sentCommit = commit
  }
}

/** Sends the next append; false when the follower is paused or nothing is to be said. `evenIfEmpty`: the commit index alone is worth a message. */
export function sendAppend(state: RaftState, to: NodeId, evenIfEmpty: boolean): boolean {
  const peer = state.tracker.progress(to)
  if (peer === undefined || peer.isPaused) return false
  const { log } = state
  const prevIndex = peer.next - 1
  const prevTerm = log.term(prevIndex)
  if (typeof prevTerm !== 'number' || peer.next < log.firstIndex) return offerSnapshot(state, to, peer)
  const entries = nextEntries(state, peer)
  if (entries.length === 0 && !evenIfEmpty) return false
  state.send({ type: 'append', from: state.id, to, term: state.term, prevIndex, prevTerm, entries, commit: log.committed })
  peer.sent(entries.length, entriesBytes(entries))
  peer.sentCommit = log.committed
  return true
}

/** Beside a full window only an empty append goes out. A refused entry is sent again only when a retry is due. */
function nextEntries(state: RaftState, peer: Progress): readonly Entry[] {
  if (peer.state === 'replicate' && peer.inflights.full) return []
  const refusal = peer.refusal
  const limit = Math.min(state.log.lastIndex + 1, peer.next + APPEND_ENTRIES_MAX)
  const end = refusal === undefined || refusal.retry ? limit : Math.min(refusal.index, limit)
  const entries = state.log.slice(peer.next, end, state.config.maxMessageBytes)
  if (refusal !== undefined && peer.next + entries.length > refusal.index) refusal.retry = false
  return entries
}

/** The entries the follower needs are gone. Nothing more is sent until it reports that it has caught up by a snapshot. */
function offerSnapshot(state: RaftState, to: NodeId, peer: Progress): boolean {
  if (!peer.recentlyActive) return false
  const snapshot = state.log.snapshot()
  if (snapshot === undefined) return false
  peer.becomeSnapshot(snapshot.index)
  state.send({ type: 'snapshotOffer', from: state.id, to, term: state.term, index: snapshot.index, entryTerm: snapshot.term })
  return true
}
