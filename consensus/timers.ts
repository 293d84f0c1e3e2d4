import type { Timers } from '../primitives/ports.ts'

/** The event loop's own timers; the simulator puts virtual time in their place. */
export const processTimers: Timers = {
  every: (callback, intervalMs) => {
    const timer = setInterval(callback, intervalMs)
    return () => clearInterval(timer)
  },
  after: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
  soon: (callback) => { setImmediate(callback) },
}
