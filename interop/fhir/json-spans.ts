import { SteleError } from '../../primitives/error.ts'

/**
 * Finds where the members of a JSON object and the items of a JSON array begin and end in their source text, without building values.
 * Two reasons to keep the source: FHIR decimals carry their precision (`1.20` is not `1.2`, R4 §2.24.0.1), which `JSON.parse` loses; and a
 * record's bytes should be what the sender wrote. The scan also bounds the depth before anything is parsed.
 * The text must have passed `JSON.parse`: the scan trusts tokens to be well-formed and only looks for their ends.
 */
export interface Span {
  /** First character of the value. */
  readonly start: number
  /** One past its last character. */
  readonly end: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Checks that the text nests no deeper than `depthMax` and is closed again. Runs over the text once and keeps no stack, so that hostile nesting
 * costs nothing. Throws `FHIR_TOO_LARGE` naming the position.
 */
export function checkDepth(text: string, depthMax: number): void {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = stringEnd(text, at) - 1
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      depth++
      if (depth > depthMax) {
        throw new SteleError({ code: 'FHIR_TOO_LARGE', message: 'the JSON nests deeper than the limit', details: { position: at, depthMax } })
      }
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--
  }
}

/** Members of the object that starts at `span.start`, by name. A repeated name is refused: readers disagree on which one counts. */
export function objectSpans(text: string, span: Span): Map<string, Span> {
  const members = new Map<string, Span>()
  let at = skipSpace(text, span.start + 1)
  while (text.charCodeAt(at) !== CLOSE_OBJECT) {
    const nameEnd = stringEnd(text, at)
    const name: unknown = JSON.parse(text.slice(at, nameEnd))
    at = skipSpace(text, nameEnd)
    at = skipSpace(text, text.charCodeAt(at) === COLON ? at + 1 : at)
    const end = valueEnd(text, at)
    if (members.has(String(name))) {
      throw new SteleError({ code: 'FHIR_NOT_JSON', message: 'a JSON object names one member twice', details: { position: at } })
    }
    members.set(String(name), { start: at, end })
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
  return members
}

/** Items of the array that starts at `span.start`, in order. */
export function arraySpans(text: string, span: Span): Span[] {
  const items: Span[] = []
  let at = skipSpace(text, span.start + 1)
  while (text.charCodeAt(at) !== CLOSE_ARRAY) {
    const end = valueEnd(text, at)
    items.push({ start: at, end })
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
  return items
}

/** The span of the only value of the text, without the white space around it. */
export function wholeSpan(text: string): Span {
  const start = skipSpace(text, 0)
  return { start, end: valueEnd(text, start) }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++
  return at
}

/** One past the closing quote of the string that opens at `from`, or the end of the text. */
function stringEnd(text: string, from: number): number {
  let at = from + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at += 2
    else if (code === QUOTE) return at + 1
    else at++
  }
  return text.length
}

function valueEnd(text: string, from: number): number {
  const first = text.charCodeAt(from)
  if (first === QUOTE) return stringEnd(text, from)
  if (first !== OPEN_ARRAY && first !== OPEN_OBJECT) return scalarEnd(text, from)
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = stringEnd(text, at) - 1
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) depth++
    else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return text.length
}

function scalarEnd(text: string, from: number): number {
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT || code <= 0x20) break
    at++
  }
  return at
}
