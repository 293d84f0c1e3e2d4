import { SteleError } from '../primitives/error.ts'
import type { Entry } from '../state/ledger-record.ts'
import type { WorldState } from '../state/world-state.ts'
import { Applier } from './applier.ts'
import type { Executor } from './executor.ts'
import type { RefusedEntry, StatePorts } from './repair-state.ts'

/** What probes are told meanwhile. */
export const REBUILDING = 'repair: the state is rebuilt from the ledger'
/** Entries are read and their signatures checked this many bytes at a time, one part ahead of the one that executes. */
const PART_BYTES_MAX = 2 * 1024 * 1024
const PROGRESS_MS = 5_000
/** A longer way than this is no ordinary start. */
const ORDINARY_ENTRIES_MAX = 1_000

/**
 * Brings the state from where it stands to the commit index, durably, then executes the stored tail above it for a trial and forgets that. Each
 * block's roots are compared with its header. Returns the first entry that this program does not get the signed root for, with
 * everything before it durable; undefined when there is none. Throws `NODE_STOPPING` and STATE_*.
 */
export async function replay(world: WorldState, executor: Executor, ports: StatePorts): Promise<RefusedEntry | undefined> {
  const { ledger } = ports
  const from = world.appliedIndex + 1
  const last = ledger.lastIndex()
  if (from > last) return undefined
  // The ledger notes the commit index lazily, so the state may be ahead of it: what is applied is committed.
  const commit = Math.max(Math.min(ledger.hardState().commit, last), world.appliedIndex)
  if (commit - from >= ORDINARY_ENTRIES_MAX) ports.onRebuild(REBUILDING)
  let failure: unknown
  const applier = new Applier(world, { height: world.height, hash: world.position.blockHash }, (error) => { failure ??= error })
  const progress = createProgress(ports, from, last)
  try {
    let part = readPart(ledger, executor, from, last)
    while (part !== undefined) {
      if (ports.signal.aborted) throw new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true })
      const end = part.end
      const next = readPart(ledger, executor, end, last)
      await part.prepared
      for (const entry of part.entries) {
        const refused = executor.execute(entry)
        if (refused !== undefined) return { index: entry.index, height: entry.height, refused }
        if (entry.index <= commit) applier.apply(entry.index, executor.take(entry), true)
      }
      if (applier.isBehind) await applier.settled()
      if (failure !== undefined) throw failure
      progress(end - 1)
      part = next
    }
    await applier.settled()
    if (failure !== undefined) throw failure
    return undefined
  } finally {
    executor.truncate(Math.min(commit, executor.executedIndex) + 1)
    await applier.settled()
  }
}

interface Part { readonly entries: readonly Entry[]; readonly end: number; readonly prepared: Promise<unknown> }

function readPart(ledger: StatePorts['ledger'], executor: Executor, from: number, last: number): Part | undefined {
  if (from > last) return undefined
  const entries = ledger.entries(from, last + 1, PART_BYTES_MAX)
  const prepared = Promise.all(entries.map((entry) => prepare(executor, entry)))
  // Its failure is heard when its turn comes; if an earlier part ends the replay, nobody wants to know.
  prepared.catch(() => undefined)
  return { entries, end: from + entries.length, prepared }
}

/** What is wrong with an entry is found again, and judged, when it executes. */
async function prepare(executor: Executor, entry: Entry): Promise<void> {
  try {
    await executor.prepare(entry, () => true)
  } catch (error) {
    if (!(error instanceof SteleError)) throw error
  }
}

function createProgress({ logger, ledger }: StatePorts, from: number, last: number): (index: number) => void {
  let toldMs = performance.now()
  return (index) => {
    if (performance.now() - toldMs < PROGRESS_MS) return
    toldMs = performance.now()
    logger.info({ height: ledger.heightAt(index), of: ledger.heightAt(last), percent: Math.floor((100 * (index - from + 1)) / (last - from + 1)) }, 'replaying the ledger')
  }
}
