import { SteleError } from '../../primitives/error.ts'

/** A value of a register or a state of a model: compared by `===`. `null`: nothing there. */
export type Value = string | number | null

/** What a client asked of one key. `cas` is [expected, new]. */
export type Request =
  | { readonly f: 'read' }
  | { readonly f: 'write'; readonly value: Value }
  | { readonly f: 'cas'; readonly from: Value; readonly to: Value }
  | { readonly f: 'delete' }
  | { readonly f: 'append'; readonly value: string }

/**
 * What became of it. `ok`: it took effect, a read with the value it saw. `fail`: its condition did not hold, which says something about the state.
 * `unknown`: it may take effect at any time after its call, or never.
 */
export type Outcome = { readonly type: 'ok'; readonly value: Value } | { readonly type: 'fail' } | { readonly type: 'unknown' }

/** One operation. `call` and `return` are places in the history, all distinct; an unknown one never returns (`Infinity`). */
export interface Operation {
  readonly process: number | string
  readonly key: string
  readonly request: Request
  readonly outcome: Outcome
  readonly call: number
  readonly return: number
}

export interface Place { readonly line: number }

interface Open { readonly key: string; readonly request: Request; readonly call: number; readonly line: number }

export function malformed(line: number, reason: string, details: Record<string, unknown> = {}): SteleError {
  return new SteleError({ code: 'HISTORY_MALFORMED', message: 'the file is no history of a known form', details: { line, reason, ...details } })
}

/** A whole number of any size: beyond what a float tells apart, its digits. */
export function wholeOf(text: string): number | string {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number + 0 : BigInt(text).toString()
}

/** Pairs invocations with their completions, line after line. A process does one thing at a time. */
export class HistoryBuilder {
  readonly #open = new Map<number | string, Open>()
  readonly #operations: Operation[] = []
  #next = 0

  invoke(process: number | string, key: string, request: Request, { line }: Place): void {
    const open = this.#open.get(process)
    if (open !== undefined) throw malformed(line, 'the process invokes while its earlier operation is open', { process, openSince: open.line })
    this.#open.set(process, { key, request, call: this.#next++, line })
  }

  /** `dropped`: the operation certainly had no effect and saw nothing. `key` and `f` must be those of the invocation. */
  complete(process: number | string, key: string, f: Request['f'], outcome: Outcome | 'dropped', { line }: Place): void {
    const open = this.#open.get(process)
    if (open === undefined) throw malformed(line, 'a completion without an open invocation of this process', { process })
    if (open.key !== key || open.request.f !== f) throw malformed(line, 'the completion names another operation than the invocation', { process, invokedAt: open.line })
    this.#open.delete(process)
    if (outcome !== 'dropped') this.#add(process, open, outcome)
  }

  /** What is still open at the end is unknown. Ordered by call. */
  finish(): Operation[] {
    for (const [process, open] of this.#open) this.#add(process, open, { type: 'unknown' })
    this.#open.clear()
    return this.#operations.sort((a, b) => a.call - b.call)
  }

  #add(process: number | string, { key, request, call }: Open, outcome: Outcome): void {
    // A read whose answer nobody saw binds nothing.
    if (outcome.type === 'unknown' && request.f === 'read') return
    this.#operations.push({ process, key, request, outcome, call, return: outcome.type === 'unknown' ? Infinity : this.#next++ })
  }
}
