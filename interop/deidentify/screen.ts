import type { IdentifierKind } from './identifier-kinds.ts'

/** What a value looks like when it is one of the eighteen, whatever member it stands in. */
const SHAPES: readonly (readonly [IdentifierKind, RegExp])[] = [
  ['email', /[^\s@]{1,64}@[^\s@]{1,190}\.[a-z]{2,}/i],
  ['url', /\b(?:https?|ftp):\/\/|\bwww\.[a-z0-9-]+\./i],
  ['ssn', /(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)/],
  ['phone', /(?<![\d.])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)/],
  ['ip', /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])/],
  ['date', /(?<!\d)(?:19|20)\d{2}-(?:0[1-9]|1[0-2])(?:-\d{2})?(?!\d)|(?<!\d)\d{1,2}[/.]\d{1,2}[/.](?:19|20)?\d{2}(?!\d)/],
  ['other', /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/i],
]

/** Words too common to tell a person by. */
const WORD_CHARS_MIN = 3

/** What of a person must not stand in any cell: names and parts of addresses, in lower case. */
export type Needles = ReadonlySet<string>

/** The words and the whole of each text, lower case. */
export function needlesOf(texts: readonly string[]): Needles {
  return new Set(texts.flatMap((text) => [text, ...text.split(/[\s,.'-]+/)]).map((word) => word.trim().toLowerCase()).filter((word) => word.length >= WORD_CHARS_MIN && !/^\d+$/.test(word)))
}

/** The kind of identifier that a value holds, by its shape or because it names the person; undefined when it holds none. */
export function screenValue(value: string, needles: Needles): IdentifierKind | undefined {
  for (const [kind, shape] of SHAPES) if (shape.test(value)) return kind
  const lower = value.toLowerCase()
  if (needles.has(lower)) return 'name'
  return lower.split(/[^\p{L}\p{N}]+/u).some((word) => needles.has(word)) ? 'name' : undefined
}
