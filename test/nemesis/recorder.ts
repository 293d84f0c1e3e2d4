import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { NDJSON_VERSION } from '../history/parse-ndjson.ts'
import type { Request, Value } from '../history/operation.ts'

/** What a client learned of its operation, in the words of docs/testing.md. */
export type Completion = { readonly type: 'ok'; readonly value?: Value } | { readonly type: 'fail' | 'dropped' | 'unknown' }

/** Writes a history as operations happen: one process, so lines stand in the order of events. */
export class Recorder {
  readonly counts: Record<Completion['type'], number> = { ok: 0, fail: 0, dropped: 0, unknown: 0 }
  readonly #stream: WriteStream
  readonly #startedMs = performance.now()

  constructor(path: string) {
    this.#stream = createWriteStream(path)
    this.#write({ history: 'stele', version: NDJSON_VERSION, model: 'register' })
  }

  /** Runs one operation between its two lines. */
  async record(process: number, key: string, request: Request, run: () => Promise<Completion>): Promise<Completion> {
    const { f } = request
    const value = request.f === 'cas' ? { value: [request.from, request.to] } : request.f === 'write' ? { value: request.value } : {}
    this.#write({ process, type: 'invoke', f, key, ...value, timeMs: this.#nowMs })
    const completion = await run()
    this.counts[completion.type]++
    this.#write({ process, f, key, ...completion, timeMs: this.#nowMs })
    return completion
  }

  close(): Promise<void> {
    return new Promise((done) => this.#stream.end(done))
  }

  get #nowMs(): number { return Math.round(performance.now() - this.#startedMs) }

  #write(event: object): void {
    this.#stream.write(`${JSON.stringify(event)}\n`)
  }
}
