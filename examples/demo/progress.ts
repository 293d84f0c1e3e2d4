import { formatTable } from './table.ts'
import { sayDuration } from './words.ts'

/** Where lines go: `process.stdout` in the demo. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Least time between two lines of one step where output is not a terminal, ms: a log wants few of them. */
const LINE_EVERY_MS = 2_000
/** Least time between two repaints on a terminal, ms. */
const PAINT_EVERY_MS = 80

interface Timing { readonly step: string; readonly ms: number; readonly note: string }

/**
 * Shows the steps of a run as they go. On a terminal the current step is one line that is painted over; elsewhere every step prints a line at its start,
 * at most one every two seconds while it goes on, and one at its end. Remembers times for the closing table.
 */
export class Progress {
  readonly #output: Output
  readonly #nowMs: () => number
  readonly #timings: Timing[] = []
  #current: { readonly step: string; readonly since: number; shownAt: number } | undefined

  constructor(output: Output, nowMs: () => number = () => performance.now()) {
    this.#output = output
    this.#nowMs = nowMs
  }

  /** Runs one step and shows how it ended; `note` of the result, when it returns text, stands beside the time. */
  async step<T>(step: string, work: (update: (done: number, total: number) => void) => Promise<T>, note: (result: T) => string = () => ''): Promise<T> {
    const since = this.#nowMs()
    this.#current = { step, since, shownAt: since }
    if (this.#output.isTTY === true) this.#paint(`… ${step}`)
    else this.#output.write(`${step} …\n`)
    try {
      const result = await work((done, total) => this.#update(done, total))
      this.#end('✓', step, since, note(result))
      return result
    } catch (error) {
      this.#end('✗', step, since, '')
      throw error
    }
  }

  /** A line of its own, between steps or during one. */
  say(text: string): void {
    if (this.#output.isTTY === true && this.#current !== undefined) this.#paint('')
    this.#output.write(`${text}\n`)
  }

  /** Closing table: every step with its time. */
  summary(): string {
    return formatTable(['step', 'time', ''], this.#timings.map(({ step, ms, note }) => [step, sayDuration(ms), note]))
  }

  #update(done: number, total: number): void {
    const current = this.#current
    if (current === undefined) return
    const now = this.#nowMs()
    const isTTY = this.#output.isTTY === true
    if (now - current.shownAt < (isTTY ? PAINT_EVERY_MS : LINE_EVERY_MS)) return
    current.shownAt = now
    const left = done === 0 ? '' : `, about ${sayDuration(((now - current.since) / done) * (total - done))} left`
    const text = `${current.step}: ${done} of ${total}${left}`
    if (isTTY) this.#paint(`… ${text}`)
    else this.#output.write(`  ${text}\n`)
  }

  #end(mark: string, step: string, since: number, note: string): void {
    this.#current = undefined
    const ms = this.#nowMs() - since
    this.#timings.push({ step, ms, note: mark === '✗' ? 'failed' : note })
    const line = `${mark} ${step} (${sayDuration(ms)})${note === '' ? '' : `: ${note}`}`
    if (this.#output.isTTY === true) this.#paint('')
    this.#output.write(`${line}\n`)
  }

  /** Overwrites the current line of a terminal; cut to its width, because a wrapped line cannot be painted over. */
  #paint(text: string): void {
    this.#output.write(`\r\u001b[2K${text.slice(0, Math.max(0, (this.#output.columns ?? 80) - 1))}`)
  }
}
