/** Goal: every code is explained, and every explained code exists. Method: compare all literals that look like codes with all tables, both ways. */
import t from 'tap'
import { readSources } from '../../docs/generate/sources.ts'
import { readCodeTables } from '../../docs/generate/tables.ts'

const CODE_LITERAL = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g
/** A code may be matched by its beginning. */
const PREFIX_MATCH = /startsWith\('[A-Z0-9_]+'\)/g
/** Names with the form of a code that are none of ours: libraries' codes, variables of the environment. */
const FOREIGN = /^(?:FST_ERR|LEVEL|ERR|HPE|UV|STELE|NODE_OPTIONS|NO_COLOR|FORCE_COLOR|SQLITE)(?:_|$)/
/** Codes that are explained and kept, although nothing throws them; each with its reason. */
const NOT_THROWN: Readonly<Record<string, string>> = {}

const tables = await readCodeTables()
const tableFiles = new Set(tables.map(({ path }) => path))
const known = new Map(tables.flatMap(({ path, codes }) => Object.keys(codes).map((code) => [code, path] as const)))
const sources = (await readSources()).filter(({ room }) => room !== 'bench' && room !== 'examples')

t.test('tables are found at all', async (t) => {
  t.ok(tables.length > 15, `${tables.length} tables`)
  t.ok(known.size > 200, `${known.size} codes`)
})

t.test('every code in the sources stands in a table', async (t) => {
  const missing = sources.filter(({ path }) => path !== 'rpc/error-map.ts').flatMap(({ path, code: text }) => text.split('\n').flatMap((line, i) => [...line.replace(PREFIX_MATCH, '').matchAll(CODE_LITERAL)].map(([, code]) => code!).filter((code) => !known.has(code) && !FOREIGN.test(code)).map((code) => `${code} at ${path}:${i + 1}`)))
  t.strictSame(missing, [])
})

t.test('every code of a table is thrown or answered somewhere', async (t) => {
  // Tables that hold code besides (decision.ts) may use their codes in the same file; then the literal is quoted, while a key of the table is not.
  const used = new Set(sources.filter(({ path }) => path !== 'rpc/error-map.ts').flatMap(({ code }) => [...code.matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)'/g)].map(([, literal]) => literal!)))
  const idle = [...known].filter(([code]) => !used.has(code) && !(code in NOT_THROWN)).map(([code, path]) => `${code} in ${path}`)
  t.strictSame(idle, [])
  t.strictSame(Object.keys(NOT_THROWN).filter((code) => used.has(code) || !known.has(code)), [], 'the list of exceptions holds nothing that is thrown or unknown')
})

t.test('every code says what it means', async (t) => {
  for (const { path, codes } of tables) for (const [code, text] of Object.entries(codes)) t.ok(text.length >= 15 && !/\n/.test(text), `${code} in ${path}`)
})

t.test('a code that stands in two tables stands there knowingly', async (t) => {
  const places = new Map<string, string[]>()
  for (const { path, codes } of tables) for (const code of Object.keys(codes)) places.set(code, [...(places.get(code) ?? []), path])
  const twice = [...places].filter(([, paths]) => paths.length > 1).map(([code, paths]) => `${code}: ${paths.join(', ')}`)
  t.strictSame(twice.filter((line) => !SHARED.some((code) => line.startsWith(`${code}:`))), [])
  t.ok(tableFiles.size > 10)
})
/** Same meaning in both places: a shared rule of two contracts, or a finding of `verify` under the name the node uses. */
const SHARED = ['SEQ_TOO_LOW', 'SEQ_TOO_HIGH', 'LEDGER_DAMAGED']
