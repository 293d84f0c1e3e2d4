import { errorCode, SteleError } from '../../primitives/error.ts'
import type { Random } from '../../primitives/ports.ts'
import { clientError } from '../errors.ts'
import { sleep } from '../platform.ts'

/** How often and how patiently a request is sent again. Times in ms. */
export interface RetryPolicy {
  /** Attempts after the first. */
  readonly retries: number
  readonly firstDelayMs: number
  readonly delayMsMax: number
}

/** About six seconds on average: long enough for an election (1 to 2 s, sometimes two of them). */
export const DEFAULT_RETRY: RetryPolicy = { retries: 8, firstDelayMs: 100, delayMsMax: 3_000 }

/**
 * Runs `attempt` until it succeeds, fails for good, or the retries are used up. Only errors marked retryable lead to another attempt, after the time the node
 * asked for or an exponential delay with full jitter (so that clients of a restarted node do not come back all at once).
 * An abort ends the waiting too, with the signal's reason.
 */
export async function withRetries<T>(policy: RetryPolicy, random: Pick<Random, 'jitter'>, signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
  for (let made = 0; ; made++) {
    try {
      return await attempt()
    } catch (error) {
      if (made >= policy.retries || !(error instanceof SteleError) || !error.retryable) throw error
      const asked = error.details['retryAfterMs']
      const ceiling = Math.min(policy.delayMsMax, policy.firstDelayMs * 2 ** made)
      const delay = typeof asked === 'number' ? Math.min(asked, policy.delayMsMax) : 1 + random.jitter(ceiling)
      await sleep(delay, signal)
    }
  }
}

/**
 * Runs `work` with a signal that fires at the caller's abort or after `timeoutMs`. A timeout becomes `CLIENT_TIMED_OUT` (retryable: the outcome is unknown
 * and the request idempotent), the caller's abort stays the caller's reason, any other failure of the connection becomes `CLIENT_UNREACHABLE`.
 */
export async function bounded<T>(work: (signal: AbortSignal) => Promise<T>, timeoutMs: number, signal: AbortSignal | undefined, { node, metaMessages }: { readonly node: string; readonly metaMessages: readonly string[] }): Promise<T> {
  signal?.throwIfAborted()
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    return await work(signal === undefined ? timeout : AbortSignal.any([signal, timeout]))
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason
    if (error instanceof SteleError) throw error
    if (timeout.aborted) throw clientError('CLIENT_TIMED_OUT', { retryable: true, details: { node, timeoutMs }, metaMessages, cause: error })
    const system = errorCode(error instanceof Error ? error.cause : undefined)
    throw clientError('CLIENT_UNREACHABLE', { retryable: true, details: { node, ...(system !== undefined && { system }) }, metaMessages, cause: error })
  }
}
