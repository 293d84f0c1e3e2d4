import { keyValue, register } from './models.ts'
import type { Model } from './models.ts'
import { HistoryBuilder, malformed } from './operation.ts'
import type { Operation, Outcome, Request, Value } from './operation.ts'

export const NDJSON_VERSION = 1
const MODELS: readonly Model[] = [register, keyValue]

type Fields = Readonly<Record<string, unknown>>

/**
 * Our own form, one JSON object per line; docs/testing.md describes it. First `{"history":"stele","version":1,"model":"register"}`, then events
 * `{"process":0,"type":"invoke","f":"cas","key":"k","value":[1,2]}` and their completions. Members that are not known here are passed over.
 */
export function parseNdjson(lines: readonly string[]): { readonly model: Model; readonly operations: Operation[] } {
  const builder = new HistoryBuilder()
  let model: Model | undefined
  for (const [i, text] of lines.entries()) {
    if (text.trim() === '') continue
    const line = i + 1
    const fields = objectOf(text, line)
    if (model === undefined) model = modelOf(fields, line)
    else addEvent(builder, fields, line)
  }
  if (model === undefined) throw malformed(1, 'no heading')
  return { model, operations: builder.finish() }
}

function objectOf(text: string, line: number): Fields {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw malformed(line, 'no JSON object')
}

function modelOf({ history, version, model: name }: Fields, line: number): Model {
  if (history !== 'stele') throw malformed(line, 'the first line is no heading {"history":"stele",…}')
  if (version !== NDJSON_VERSION) throw malformed(line, 'another version of the form', { version: String(version).slice(0, 32) })
  const model = MODELS.find((each) => each.name === name)
  if (model === undefined) throw malformed(line, `the model is none of ${MODELS.map((each) => each.name).join(', ')}`)
  return model
}

function addEvent(builder: HistoryBuilder, { process, type, f, key, value }: Fields, line: number): void {
  if (typeof process !== 'string' && !(typeof process === 'number' && Number.isSafeInteger(process))) throw malformed(line, 'process is no whole number below 2^53 and no text')
  if (typeof key !== 'string') throw malformed(line, 'key is no text')
  const request = type === 'invoke' ? requestOf(f, value, line) : undefined
  if (request !== undefined) builder.invoke(process, key, request, { line })
  else builder.complete(process, key, nameOf(f, line), outcomeOf(type, f, value, line), { line })
}

function nameOf(f: unknown, line: number): Request['f'] {
  if (f === 'read' || f === 'write' || f === 'cas' || f === 'delete' || f === 'append') return f
  throw malformed(line, 'f is none of read, write, cas, delete, append')
}

function requestOf(f: unknown, value: unknown, line: number): Request {
  const name = nameOf(f, line)
  switch (name) {
    case 'read':
    case 'delete': return { f: name }
    case 'write': return { f: name, value: valueOf(value, line) }
    case 'append':
      if (typeof value !== 'string') throw malformed(line, 'the value of an append is a text')
      return { f: name, value }
    case 'cas':
      if (!Array.isArray(value) || value.length !== 2) throw malformed(line, 'the value of a cas is [expected, new]')
      return { f: name, from: valueOf(value[0], line), to: valueOf(value[1], line) }
  }
}

function outcomeOf(type: unknown, f: unknown, value: unknown, line: number): Outcome | 'dropped' {
  switch (type) {
    case 'ok': return { type, value: f === 'read' ? valueOf(value, line) : null }
    case 'unknown': return { type }
    case 'dropped': return 'dropped'
    case 'fail':
      if (f !== 'cas' && f !== 'delete') throw malformed(line, 'only a cas or a delete can fail; what had no effect and saw nothing is dropped')
      return { type }
    default: throw malformed(line, 'type is none of invoke, ok, fail, dropped, unknown')
  }
}

function valueOf(value: unknown, line: number): Value {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw malformed(line, 'a whole number beyond 2^53; write it as a text')
  if (value === null || typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value
  throw malformed(line, 'a value is a text, a finite number or null')
}
