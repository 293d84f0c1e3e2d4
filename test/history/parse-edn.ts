import { readMap, readText } from './edn.ts'
import { keyValue, register } from './models.ts'
import type { Model } from './models.ts'
import { HistoryBuilder, malformed, wholeOf } from './operation.ts'
import type { Operation, Outcome, Request, Value } from './operation.ts'

const WHOLE = /^[+-]?\d{1,64}$/
const PAIR = /^\[\s*([+-]?\d{1,64})[\s,]+([+-]?\d{1,64})\s*\]$/

/** How the operations of one model are named. */
const NAMES: ReadonlyMap<Model, Readonly<Record<string, Request['f']>>> = new Map([
  [keyValue, { ':get': 'read', ':put': 'write', ':append': 'append' }], [register, { ':read': 'read', ':write': 'write', ':cas': 'cas' }],
])

/**
 * One event per line in EDN. Texts by key as porcupine's key-value histories have them (`:get`, `:put`, `:append`), or a register of whole numbers as Jepsen writes it
 * (`:read`, `:write`, `:cas [from to]`, with or without `:key`); further members are passed over, and so is what no client did (`:process :nemesis`). `:fail`: it had no effect.
 */
export function parseEdn(lines: readonly string[]): { readonly model: Model; readonly operations: Operation[] } {
  const builder = new HistoryBuilder()
  let model: Model | undefined
  for (const [i, text] of lines.entries()) {
    const line = i + 1
    if (/^[\s,]*(?:;.*)?$/.test(text)) continue
    const event = readMap(text)
    const process = event?.get(':process') ?? ''
    const f = event?.get(':f') ?? ''
    if (event === undefined || !/^(?:\d{1,64}|:[\w-]+)$/.test(process)) throw malformed(line, 'no event of the form {:process n, :type :t, :f :f, :key "k", :value "v"}')
    if (process.startsWith(':')) continue
    model ??= NAMES.get(keyValue)?.[f] === undefined ? register : keyValue
    const name = NAMES.get(model)?.[f]
    if (name === undefined) throw malformed(line, 'an operation other than :get, :put and :append, or :read, :write and :cas', { f: f.slice(0, 32) })
    const [key, type, value] = [keyOf(event.get(':key'), model, line), event.get(':type') ?? '', event.get(':value') ?? 'nil']
    if (type === ':invoke') builder.invoke(wholeOf(process), key, requestOf(model, name, value, line), { line })
    else builder.complete(wholeOf(process), key, name, outcomeOf(model, type, name, value, line), { line })
  }
  return { model: model ?? keyValue, operations: builder.finish() }
}

/** A register may have none; its keys may be of any kind. */
function keyOf(text: string | undefined, model: Model, line: number): string {
  const key = text === undefined ? undefined : readText(text)
  if (model === register) return key ?? text ?? ''
  if (key === undefined) throw malformed(line, 'the :key is no text')
  return key
}

function requestOf(model: Model, f: Request['f'], value: string, line: number): Request {
  if (f === 'read') return { f }
  const pair = f === 'cas' ? PAIR.exec(value) : null
  if (pair !== null) return { f: 'cas', from: wholeOf(pair[1] ?? ''), to: wholeOf(pair[2] ?? '') }
  const given = f === 'write' || f === 'append' ? valueOf(model, value, line) : null
  if (f === 'write' && given !== null) return { f, value: given }
  if (f === 'append' && typeof given === 'string') return { f, value: given }
  throw malformed(line, `the value of an invoked :${f}`, { value: value.slice(0, 64) })
}

function outcomeOf(model: Model, type: string, f: Request['f'], value: string, line: number): Outcome | 'dropped' {
  switch (type) {
    case ':ok': return { type: 'ok', value: f === 'read' ? valueOf(model, value, line) ?? model.initial : null }
    case ':fail': return 'dropped'
    case ':info': return { type: 'unknown' }
    default: throw malformed(line, 'a type other than :invoke, :ok, :fail and :info', { type: type.slice(0, 32) })
  }
}

/** Null for nil. */
function valueOf(model: Model, text: string, line: number): Value {
  if (text === 'nil') return null
  if (model === register && WHOLE.test(text)) return wholeOf(text)
  const value = model === keyValue ? readText(text) : undefined
  if (value === undefined) throw malformed(line, model === keyValue ? 'a :value that is no text' : 'a :value that is no whole number', { value: text.slice(0, 64) })
  return value
}
