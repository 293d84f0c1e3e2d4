import type { Random } from '../primitives/ports.ts'

/** Randomness of the platform (Web Crypto), the same in browsers and Node. */
export const webRandom: Random = {
  bytes: (length) => {
    const out = new Uint8Array(length)
    // getRandomValues refuses more than 65,536 bytes at once.
    for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(out.subarray(at, Math.min(length, at + 65_536)))
    return out
  },
  jitter: (below) => Math.floor(Math.random() * below),
}

/** Wall clock of the platform, ms since the epoch. */
export type NowMs = () => number
export const platformNow: NowMs = () => Date.now()

/** Resolves after `ms`, or rejects with the signal's reason when it is aborted first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
