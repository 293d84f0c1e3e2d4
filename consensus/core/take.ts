import type { Persist } from './effects.ts'
import type { RaftState } from './state.ts'

/** Everything that is not durable and not in a batch yet, as the next batch; undefined when there is nothing. */
export function takePersist(state: RaftState): Persist | undefined {
  if (!state.unsaved) return undefined
  const batch = ++state.batch
  const { entries, truncateFrom } = state.log.handOut(batch)
  const hardState = state.hardStateDirty ? { term: state.term, vote: state.vote, commit: state.log.committed } : undefined
  const refusals = state.newRefusals
  state.hardStateDirty = false
  state.newRefusals = []
  return { batch, truncateFrom, entries, hardState, refusals, tail: { index: state.log.lastIndex, term: state.log.lastTerm } }
}
