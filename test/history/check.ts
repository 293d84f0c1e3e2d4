import type { Model } from './models.ts'
import type { Operation } from './operation.ts'
import { search } from './search.ts'
import type { Limits, Verdict } from './search.ts'

/** What was seen, and by which rules it should have gone. */
export interface History { readonly form: string; readonly model: Model; readonly operations: readonly Operation[] }

/** Where a history cannot be explained: how far an order was possible, and the operations that could not come next. */
export interface Trouble { readonly key: string; readonly operations: number; readonly explained: number; readonly stuckAt: readonly Operation[] }

export interface HistoryResult {
  readonly verdict: Verdict
  readonly operations: number
  readonly keys: number
  readonly steps: number
  readonly troubles: readonly Trouble[]
  /** Keys whose search was given up. */
  readonly undecidedKeys: readonly string[]
}

const STUCK_SHOWN_MAX = 5
/** Steps of each search in the first round, how much longer the next rounds are, and after which the last one has no bound of steps. */
const FIRST_STEPS = 100_000
const STEPS_FACTOR = 10
const LAST_STEPS = 10_000_000

/**
 * Checks key by key: a history is linearizable exactly when its part for every key is (Herlihy, Wing, "Linearizability", 1990, theorem 1). Every key gets a few
 * steps first, then those still open more and more: one part that cannot be explained is answer enough, and it is often found long before the hardest part is.
 */
export function checkHistory({ model, operations }: History, limits: Limits): HistoryResult {
  const parts = Map.groupBy(operations, ({ key }) => key)
  const troubles: Trouble[] = []
  let open = [...parts]
  let steps = 0
  for (let stepsMax = FIRST_STEPS; open.length > 0 && troubles.length === 0; stepsMax *= STEPS_FACTOR) {
    const last = stepsMax > LAST_STEPS
    open = open.filter(([key, part]) => {
      const result = search(part, model, { ...limits, stepsMax: last ? Infinity : stepsMax })
      steps += result.steps
      if (result.verdict === 'not-linearizable') troubles.push({ key, operations: part.length, explained: result.longest.length, stuckAt: stuckAt(part, result.longest) })
      return result.verdict === 'undecided'
    })
    if (last) break
  }
  const undecidedKeys = open.map(([key]) => key)
  const verdict = troubles.length > 0 ? 'not-linearizable' : undecidedKeys.length > 0 ? 'undecided' : 'linearizable'
  return { verdict, operations: operations.length, keys: parts.size, steps, troubles, undecidedKeys }
}

/** The completed operations, oldest return first, that no order reached: the first of them had to come next and could not. */
function stuckAt(part: readonly Operation[], longest: readonly Operation[]): Operation[] {
  const done = new Set(longest)
  return part.filter((operation) => !done.has(operation) && operation.return !== Infinity).sort((a, b) => a.return - b.return).slice(0, STUCK_SHOWN_MAX)
}

/** No limit of time; `seconds` from now on otherwise. */
export function limitsOf({ seconds, memoryBytesMax }: { readonly seconds: number | undefined; readonly memoryBytesMax: number }): Limits {
  const nowMs = (): number => performance.now()
  return { stepsMax: Infinity, deadlineMs: seconds === undefined ? Infinity : nowMs() + seconds * 1000, memoryBytesMax, nowMs }
}
