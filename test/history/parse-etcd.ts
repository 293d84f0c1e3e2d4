import { HistoryBuilder, malformed, wholeOf } from './operation.ts'
import type { Operation, Outcome, Request } from './operation.ts'

/** A line of Jepsen's log; other loggers and the nemesis write such lines too. */
export const LOG_LINE = /^(?:INFO|WARN|ERROR|DEBUG)\s+\S+\s+-(?:\s|$)/
const OPERATION = /^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(\w+)\s+:(\w+)\s+(.*?)\s*$/
const WHOLE = /^-?\d{1,64}$/
const PAIR = /^\[(-?\d{1,64})\s+(-?\d{1,64})\]$/

/**
 * The log of a Jepsen test of one etcd register, as porcupine's test data have it: `:read`, `:write v`, `:cas [a b]`; `:info` and what is open at the end are
 * unknown. A read that failed saw nothing. A `cas` that failed found another value, unless it failed for another reason (`:timed-out`).
 */
export function parseEtcd(lines: readonly string[]): Operation[] {
  const builder = new HistoryBuilder()
  for (const [i, line] of lines.entries()) {
    const place = { line: i + 1 }
    const match = OPERATION.exec(line)
    if (match === null) {
      if (line.trim() !== '' && !isOtherLine(line)) throw malformed(place.line, 'no line of a Jepsen log')
      continue
    }
    const [, process = '', type = '', f = '', value = ''] = match
    if (type === 'invoke') builder.invoke(wholeOf(process), '', requestOf(f, value, place.line), place)
    else builder.complete(wholeOf(process), '', nameOf(f, place.line), outcomeOf(type, f, value, place.line), place)
  }
  return builder.finish()
}

function isOtherLine(line: string): boolean {
  return LOG_LINE.test(line) && !/^INFO\s+jepsen\.util\s+-\s+\d+\s+:/.test(line)
}

function nameOf(f: string, line: number): Request['f'] {
  if (f === 'read' || f === 'write' || f === 'cas') return f
  throw malformed(line, 'an operation other than :read, :write and :cas', { f: f.slice(0, 32) })
}

function requestOf(f: string, value: string, line: number): Request {
  const name = nameOf(f, line)
  const pair = PAIR.exec(value)
  if (name === 'read' && value === 'nil') return { f: 'read' }
  if (name === 'write' && WHOLE.test(value)) return { f: 'write', value: wholeOf(value) }
  if (name === 'cas' && pair !== null) return { f: 'cas', from: wholeOf(pair[1]!), to: wholeOf(pair[2]!) }
  throw malformed(line, `the value of an invoked :${f}`, { value: value.slice(0, 64) })
}

function outcomeOf(type: string, f: string, value: string, line: number): Outcome | 'dropped' {
  if (type === 'info') return { type: 'unknown' }
  if (type === 'ok' && f === 'read') {
    if (value !== 'nil' && !WHOLE.test(value)) throw malformed(line, 'the value of a :read', { value: value.slice(0, 64) })
    return { type: 'ok', value: value === 'nil' ? null : wholeOf(value) }
  }
  if (type === 'ok') return { type: 'ok', value: null }
  if (type === 'fail') return f === 'cas' && PAIR.test(value) ? { type: 'fail' } : 'dropped'
  throw malformed(line, 'a type other than :invoke, :ok, :fail and :info', { type: type.slice(0, 32) })
}
