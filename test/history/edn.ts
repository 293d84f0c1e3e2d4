/** Longest nesting that is followed. */
const DEPTH_MAX = 64
const CLOSING: Readonly<Record<string, string>> = { '{': '}', '[': ']', '(': ')' }
const GAP = /(?:[\s,]|;[^\n]*)*/y
const TAG = /#[^\s,;"{}[\]()]*/y
const TEXT = /"(?:[^"\\]|\\.)*"/sy
const ATOM = /[^\s,;"{}[\]()]+/y
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' }

/**
 * The members of the one EDN map that `source` is, as they are written: keyword → text of its value. Commas are white space, `;` begins a comment, tags and nested values are
 * passed over as they stand, of a keyword given twice the second would be another history: so that is no map. Undefined for everything else. github.com/edn-format/edn.
 */
export function readMap(source: string): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>()
  let at = skip(source, GAP, 0)
  at = skip(source, TAG, at)
  if (source[at] !== '{') return undefined
  for (at = skip(source, GAP, at + 1); source[at] !== '}'; at = skip(source, GAP, at)) {
    const keyEnd = valueEnd(source, at, 0)
    const from = skip(source, GAP, keyEnd)
    const end = valueEnd(source, from, 0)
    const key = source.slice(at, keyEnd)
    if (end <= from || keyEnd <= at || members.has(key)) return undefined
    members.set(key, source.slice(from, end))
    at = end
  }
  return skip(source, GAP, at + 1) === source.length ? members : undefined
}

/** What a quoted text means; undefined for one with an escape that EDN has not, or for no text. */
export function readText(quoted: string): string | undefined {
  if (!/^"(?:[^"\\]|\\[ntr"\\])*"$/s.test(quoted)) return undefined
  return quoted.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? '')
}

function skip(source: string, pattern: RegExp, at: number): number {
  pattern.lastIndex = at
  return pattern.test(source) ? pattern.lastIndex : at
}

/** Where the value that begins at `at` ends; `at` itself when none does. */
function valueEnd(source: string, at: number, depth: number): number {
  const tagged = skip(source, TAG, at)
  if (tagged > at && depth < DEPTH_MAX) {
    const end = valueEnd(source, skip(source, GAP, tagged), depth + 1)
    return end > tagged ? end : at
  }
  const closing = CLOSING[source[at] ?? '']
  if (closing === undefined) return source[at] === '"' ? skip(source, TEXT, at) : skip(source, ATOM, at)
  if (depth >= DEPTH_MAX) return at
  let next = skip(source, GAP, at + 1)
  while (source[next] !== closing) {
    const end = valueEnd(source, next, depth + 1)
    if (end <= next) return at
    next = skip(source, GAP, end)
  }
  return next + 1
}
