import { HistoryBuilder, malformed } from './operation.ts'
import type { Operation, Outcome, Request } from './operation.ts'

const TEXT = String.raw`"(?:[^"\\]|\\.)*"`
const EVENT = new RegExp(String.raw`^\{:process (\d+), :type :(\w+), :f :(\w+), :key (${TEXT}), :value (nil|${TEXT})\}\s*$`)
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' }

/** One event per line in EDN, as porcupine's key-value histories have it: `:get`, `:put` and `:append` of texts by key. */
export function parseKv(lines: readonly string[]): Operation[] {
  const builder = new HistoryBuilder()
  for (const [i, text] of lines.entries()) {
    if (text.trim() === '') continue
    const line = i + 1
    const match = EVENT.exec(text)
    if (match === null) throw malformed(line, 'no event of the form {:process n, :type :t, :f :f, :key "k", :value "v"}')
    const [, process = '', type = '', f = '', key = '', value = ''] = match
    const name = nameOf(f, line)
    if (type === 'invoke') builder.invoke(processOf(process), textOf(key, line), requestOf(name, value, line), { line })
    else builder.complete(processOf(process), textOf(key, line), name, outcomeOf(type, name, value, line), { line })
  }
  return builder.finish()
}

/** Processes are told apart by their digits, however many. */
function processOf(digits: string): number | string {
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number : digits
}

type Name = 'read' | 'write' | 'append'

function nameOf(f: string, line: number): Name {
  if (f === 'get') return 'read'
  if (f === 'put') return 'write'
  if (f === 'append') return 'append'
  throw malformed(line, 'an operation other than :get, :put and :append', { f: f.slice(0, 32) })
}

function requestOf(f: Name, value: string, line: number): Request {
  if (f === 'read') return { f }
  if (value === 'nil') throw malformed(line, 'a :put or :append without a value')
  return { f, value: textOf(value, line) }
}

function outcomeOf(type: string, f: Name, value: string, line: number): Outcome | 'dropped' {
  switch (type) {
    case 'ok': return { type: 'ok', value: f !== 'read' ? null : value === 'nil' ? '' : textOf(value, line) }
    case 'fail': return 'dropped'
    case 'info': return { type: 'unknown' }
    default: throw malformed(line, 'a type other than :invoke, :ok, :fail and :info', { type: type.slice(0, 32) })
  }
}

function textOf(quoted: string, line: number): string {
  return quoted.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => {
    const meant = ESCAPES[letter]
    if (meant === undefined) throw malformed(line, 'an unknown escape in a text', { escape: `\\${letter}` })
    return meant
  })
}
