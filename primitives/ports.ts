/** Interfaces of what every folder needs from the outside, so that no folder needs the libraries themselves. */

/** Structured logger: a fixed phrase and an object beside it (pino's argument order). */
export interface Logger {
  debug(fields: object, phrase: string): void
  info(fields: object, phrase: string): void
  warn(fields: object, phrase: string): void
  error(fields: object, phrase: string): void
}

/** Wall clock in ms since the epoch, and a monotonic one in ms for durations. */
export interface Clock {
  nowMs(): number
  monotonicMs(): number
}

/** Timers of a process. `every` and `after` return how to cancel; `soon` calls back on the next turn of the event loop. */
export interface Timers {
  every(callback: () => void, intervalMs: number): () => void
  after(callback: () => void, delayMs: number): () => void
  soon(callback: () => void): void
}

/** Source of randomness; `jitter(n)` returns an integer in [0, n). */
export interface Random {
  bytes(length: number): Uint8Array
  jitter(below: number): number
}

export interface Counter { inc(labels?: Record<string, string>, value?: number): void }
export interface Gauge { set(value: number, labels?: Record<string, string>): void }
export interface Histogram { observe(value: number, labels?: Record<string, string>): void }

/** Registers metrics; labels are closed unions, units are in the name. */
export interface MetricsRegister {
  counter(name: string, help: string, labels?: readonly string[]): Counter
  gauge(name: string, help: string, labels?: readonly string[]): Gauge
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
export const noMetrics: MetricsRegister = {
  counter: () => ({ inc() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
}
