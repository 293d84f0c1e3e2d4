/** Goal: the house stays as DESIGN §4 and STYLE §2 draw it. Method: read the imports of every source file and compare the arrows between folders with the table below. */
import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import t from 'tap'
import { ROOMS, ROOT, readSources } from '../docs/generate/sources.ts'
import type { Source } from '../docs/generate/sources.ts'

/** What each folder may import. A new arrow is a failing test, and then an ADR. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  primitives: [],
  consensus: ['primitives'],
  contracts: ['primitives', 'privacy'],
  privacy: ['primitives'],
  p2p: ['primitives'],
  state: ['primitives'],
  vault: ['primitives', 'privacy'],
  rpc: ['primitives'],
  client: ['primitives', 'privacy'],
  interop: ['primitives'],
  // The composition root and the command line; the only place that sees everything.
  node: ['primitives', 'consensus', 'contracts', 'privacy', 'p2p', 'state', 'vault', 'rpc', 'client', 'interop'],
}
/** Arrows for types alone: ports belong to the consumer, whoever implements one names it. */
const TYPE_ARROWS: Readonly<Record<string, readonly string[]>> = { p2p: ['consensus'], state: ['consensus', 'contracts'], vault: ['consensus', 'contracts'] }
/** Users of the house, not rooms of it: they may import everything, and nobody imports them. */
const USERS = ['examples', 'bench', 'test']

interface Import { readonly from: Source; readonly line: number; readonly specifier: string; readonly typeOnly: boolean; readonly target: string | undefined }

/** Import and export declarations, and dynamic imports of a literal. */
const IMPORT = /(?:^|[;}\s])(import|export)(\s+type)?\s*(\*(?:\s+as\s+\w+)?|\{[^}]*\}|\w+(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+\w+))?)\s*from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*[`'"]([^`'"]+)[`'"]\s*\)/g

function importsOf(source: Source): Import[] {
  return [...source.code.matchAll(IMPORT)].map((match) => {
    const specifier = match[4] ?? match[5] ?? match[6] ?? ''
    const names = match[3] ?? ''
    const typeOnly = match[2] !== undefined || (names.startsWith('{') && names.slice(1, -1).split(',').filter((name) => name.trim() !== '').every((name) => name.trim().startsWith('type ')))
    const target = specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(source.path), specifier)) : undefined
    return { from: source, line: source.code.slice(0, match.index).split('\n').length, specifier, typeOnly, target }
  })
}

const sources = await readSources()
const imports = sources.flatMap(importsOf)
const place = ({ from, line, specifier }: Import): string => `${from.path}:${line} imports ${specifier}`
const inRoom = (path: string | undefined, room: string): boolean => path?.startsWith(`${room}/`) ?? false

t.test('imports are found at all, so that silence means something', async (t) => {
  t.ok(sources.length > 100, `${sources.length} files`)
  t.ok(imports.length > 500, `${imports.length} imports`)
  const example: Source = { path: 'p2p/x.ts', room: 'p2p', text: '', code: `import type { A } from '../consensus/ports.ts'\nimport { type B, c } from '../state/y.ts'\nexport { d } from '../rpc/z.ts'\nawait import('../node/w.ts')\nimport './side.ts'\nimport {\n  type E,\n} from '../vault/v.ts'` }
  t.strictSame(importsOf(example).map(({ target, typeOnly }) => [target, typeOnly]), [['consensus/ports.ts', true], ['state/y.ts', false], ['rpc/z.ts', false], ['node/w.ts', false], ['p2p/side.ts', false], ['vault/v.ts', true]])
})

/** Imports that follow no arrow of the tables. */
function strays(list: readonly Import[]): Import[] {
  return list.filter(({ from, target, typeOnly }) => {
    if (target === undefined || from.room in ARROWS === false || inRoom(target, from.room)) return false
    const room = target.split('/')[0]!
    if (!(ROOMS as readonly string[]).includes(room) && !room.startsWith('..') && room !== 'test') return false
    return !(ARROWS[from.room]!.includes(room) || (typeOnly && (TYPE_ARROWS[from.room] ?? []).includes(room)))
  })
}

t.test('every arrow between folders is one that DESIGN §4 draws', async (t) => {
  t.strictSame(strays(imports).map(place), [])
})

t.test('a new arrow is noticed, also inside contracts/ and for types', async (t) => {
  const example = (path: string, code: string): Source => ({ path, room: path.split('/')[0]!, text: code, code })
  const bad = [
    example('consensus/core/x.ts', "import { x } from '../../state/ledger.ts'"), example('contracts/access/x.ts', "import type { x } from '../../state/overlay.ts'"),
    example('rpc/x.ts', "import { x } from '../consensus/driver.ts'"), example('p2p/x.ts', "import { x } from '../consensus/ports.ts'"), example('client/x.ts', "export { x } from '../node/keys.ts'"),
  ]
  t.equal(strays(bad.flatMap(importsOf)).length, bad.length)
  t.equal(strays(importsOf(example('p2p/x.ts', "import type { x } from '../consensus/ports.ts'"))).length, 0, 'a port may be named by type')
})

t.test('nobody imports node, examples, bench or test; no path leaves the project', async (t) => {
  const wrong = imports.filter(({ from, target }) => target !== undefined && !USERS.includes(from.room) && (target.startsWith('..') || ['examples', 'bench', 'test'].some((room) => inRoom(target, room)) || (from.room !== 'node' && inRoom(target, 'node'))))
  t.strictSame(wrong.map(place), [])
})

t.test('the folders form no cycle, type imports counted or not', async (t) => {
  const arrows = new Map<string, Set<string>>()
  for (const { from, target } of imports) {
    const room = target?.split('/')[0]
    if (room === undefined || room === from.room) continue
    arrows.set(from.room, (arrows.get(from.room) ?? new Set()).add(room))
  }
  const path: string[] = []
  const cycles: string[] = []
  const seen = new Set<string>()
  const walk = (room: string): void => {
    if (path.includes(room)) return void cycles.push([...path.slice(path.indexOf(room)), room].join(' → '))
    if (seen.has(room)) return
    path.push(room)
    for (const next of arrows.get(room) ?? []) walk(next)
    path.pop()
    seen.add(room)
  }
  for (const room of arrows.keys()) walk(room)
  t.strictSame(cycles, [])
})

/** What would make two nodes, or two runs, come to different results. */
const INDETERMINATE: readonly (readonly [string, RegExp])[] = [
  ['a module of Node', /['"]node:/],
  ['a clock', /\bnew Date\b|\bDate\.|\bperformance\b|\bTemporal\b/],
  ['a timer', /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bnextTick\b/],
  ['randomness', /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b|\bcrypto\./],
  ['asynchrony', /\basync\b|\bawait\b|\bPromise\b|\.then\(/],
  ['floating point', /(?<![\w.'"`§])\d+\.\d+(?![\w.])|\bparseFloat\b|\btoFixed\b|\bMath\.(?!floor|ceil|trunc|min|max|abs|imul|clz32)\w+/],
  ['a locale', /\bIntl\b|\blocaleCompare\b|\btoLocale\w*|\.normalize\(|\\p\{/],
  ['the order of object keys', /\bfor\s*\(\s*(?:const|let|var)\s+\w+\s+in\b|\bJSON\.stringify\b/],
  ['the process or its surroundings', /\bprocess\.|\bglobalThis\b|\bfetch\(|\brequire\(/],
]

for (const folder of ['consensus/core', 'contracts']) {
  t.test(`${folder} holds no clock, randomness, node:, async, float, locale or key order`, async (t) => {
    const found = sources.filter(({ path }) => path.startsWith(`${folder}/`)).flatMap(({ path, code }) => code.split('\n').flatMap((line, i) => INDETERMINATE.filter(([, pattern]) => pattern.test(line)).map(([what]) => `${path}:${i + 1} has ${what}: ${line.trim().slice(0, 80)}`)))
    t.strictSame(found, [])
  })
}

t.test('each pattern of indeterminacy finds what it is meant to find', async (t) => {
  const examples = ["import x from 'node:fs'", 'Date.now()', 'setTimeout(f)', 'Math.random()', 'async function f()', 'const half = 0.5', 'a.localeCompare(b)', 'JSON.stringify(a)', 'process.env']
  for (const [i, [what, pattern]] of INDETERMINATE.entries()) t.match(examples[i], pattern, what)
})

/** Folders that also run in a browser; the files with a native half are reached through `#hash`, `#signature` and `#text` alone. */
const NATIVE_HALVES = ['primitives/hash-native.ts', 'primitives/signature-native.ts', 'primitives/text-native.ts']

t.test('primitives, privacy and client run in a browser: no module of Node, no native library', async (t) => {
  const wrong = imports.filter(({ from, specifier }) => ['primitives', 'privacy', 'client'].includes(from.room) && !NATIVE_HALVES.includes(from.path) && /^(?:node:|sodium-native|classic-level|libp2p|fastify|pino|ws$)/.test(specifier))
  t.strictSame(wrong.map(place), [])
  const natives = imports.filter(({ target, typeOnly }) => !typeOnly && NATIVE_HALVES.includes(target ?? ''))
  t.strictSame(natives.map(place), [], 'the native halves are imported by condition only')
  const globals = sources.filter(({ room, path }) => ['primitives', 'privacy', 'client'].includes(room) && !NATIVE_HALVES.includes(path)).flatMap(({ path, code }) => code.split('\n').flatMap((line, i) => (/\bBuffer\.|\bprocess\.|\b__dirname\b/.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [])))
  t.strictSame(globals, [], 'no global of Node')
})

/** Libraries that stay behind one folder, so that they can be replaced there. */
const HOMES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^classic-level$/, ['state']],
  [/^(?:libp2p|@libp2p\/.*|@chainsafe\/libp2p-noise|@multiformats\/.*)$/, ['p2p']],
  [/^(?:fastify|@fastify\/.*|prom-client)$/, ['rpc']],
  [/^(?:pino|commander|yaml)$/, ['node']],
  [/^msgpackr$/, ['primitives']],
]

t.test('a library is imported in the folder that hides it, and by type elsewhere', async (t) => {
  const wrong = imports.filter(({ from, specifier, typeOnly }) => !typeOnly && !USERS.includes(from.room) && HOMES.some(([library, homes]) => library.test(specifier) && !homes.includes(from.room)))
  t.strictSame(wrong.map(place), [])
})

t.test('every package that is imported stands in package.json, production code in dependencies', async (t) => {
  const manifest = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8')) as { dependencies: object; devDependencies: object }
  const names = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  const outside = imports.filter(({ specifier }) => !/^(?:\.|#|node:)/.test(specifier))
  const wrong = outside.filter(({ from, specifier, typeOnly }) => {
    const name = names(specifier)
    const allowed = name in manifest.dependencies || ((from.room === 'bench' || typeOnly) && (name in manifest.devDependencies || `@types/${name}` in manifest.devDependencies))
    return !allowed
  })
  t.strictSame(wrong.map(place), [])
})
