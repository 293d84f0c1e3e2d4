// Goal: a contract gives the same bytes on every node, every day, in every locale (DESIGN §5.10).
// Method: read the sources of contracts/ and the primitives they execute; no construct whose result may differ may occur in code.
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '../..')
const sources = [...globSync('contracts/**/*.ts', { cwd: root }), ...globSync('primitives/calls/*.ts', { cwd: root })].sort()

const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\bDate\b/, 'the wall clock'], [/\bperformance\b/, 'a clock'], [/\bMath\.(random|exp|log|pow|sqrt|sin|cos|tan|hypot|cbrt)/, 'randomness or inexact mathematics'],
  [/\bcrypto\b/, 'a source of randomness'], [/\b\d+\.\d+\b/, 'a floating-point literal'], [/\bparseFloat\b|\btoFixed\b|\bNumber\.EPSILON\b/, 'floating point'],
  [/[^/*<]\s\/\s[^/*]/, 'a division, which is exact for bigints only'], [/\bIntl\b|\blocaleCompare\b|\btoLocale/, 'the locale'], [/\.normalize\(|\\p\{/, 'Unicode tables'],
  [/\bJSON\.stringify\b/, 'object order'], [/\basync\b|\bawait\b|\bPromise\b|\bsetTimeout\b|\bsetInterval\b|\bqueueMicrotask\b/, 'asynchrony'],
  [/\bprocess\b|\bglobalThis\b/, 'the environment'], [/from '(?!\.)/, 'an import from outside'], [/\bimport\(/, 'a dynamic import'], [/for \(const \w+ in /, 'object order'], [/\bgetTimezoneOffset\b/, 'the time zone'],
]

/** Lines with comments and string contents taken out; a word in an explanation is not a call. */
function codeLines(text: string): string[] {
  return text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')).split('\n')
    .map((line) => line.replace(/\/\/.*$/, '')).map((line) => (/^\s*(import|export) .*from '|^\} from '/.test(line) ? line : line.replace(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, "''")))
}

function findings(name: string, text: string): string[] {
  return codeLines(text).flatMap((line, i) => FORBIDDEN.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${name}:${i + 1} uses ${what}`))
}

t.test('the search finds what it looks for', async (t) => {
  for (const line of ['const now = Date.now()', 'Math.random()', 'const half = 0.5', 'a.localeCompare(b)', 'JSON.stringify(x)', 'async function f() {', "import { x } from 'node:fs'", 'const q = a / b', 'for (const k in o) {']) {
    t.not(findings('planted', line).length, 0, line)
  }
  t.same(findings('planted', "/** The Date is in a comment. */\n// 0.5\nconst text = 'async Date'"), [])
})

/** Bigint division by a constant is exact, and so is that of a whole multiple; these are the places that need it. */
const ALLOWED = new Set(['contracts/anonymization/kernel/whole.ts uses a division, which is exact for bigints only', 'contracts/runtime/replay-window.ts uses a division, which is exact for bigints only'])

t.test('no contract uses a clock, chance, floating point, locale, asynchrony or anything from outside', async (t) => {
  t.ok(sources.length > 30, 'the sources are found')
  for (const name of sources) {
    t.same(findings(name, readFileSync(join(root, name), 'utf8')).filter((finding) => !ALLOWED.has(finding.replace(/:\d+/, ''))), [], name)
  }
})
