/** Goal: one release, one hash, wherever it is computed. Method: the same program under other time zones, locales and versions of Node; and in the build for browsers. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'

const entry = join(import.meta.dirname, 'everywhere-run.ts')
const folder = t.testdir()

/** Programs called node on the path, one per version; the running one first. */
function nodes(): readonly (readonly [version: string, path: string])[] {
  const found = new Map([[process.version, process.execPath]])
  for (const path of (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'node'))) {
    if (!existsSync(path)) continue
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
    if (Number(version.slice(1).split('.')[0]) >= 20 && !found.has(version)) found.set(version, path)
  }
  return [...found]
}

t.test('time zone, locale, version of Node and build make no difference', async (t) => {
  const builds = await Promise.all((['default', 'browser'] as const).map(async (condition) => {
    const outfile = join(folder, `${condition}.mjs`)
    await build({ entryPoints: [entry], bundle: true, format: 'esm', platform: 'node', conditions: condition === 'browser' ? ['browser'] : [], outfile, logLevel: 'error' })
    return outfile
  }))
  const run = (node: string, file: string, env: Readonly<Record<string, string>>): string => execFileSync(node, [file], { encoding: 'utf8', env })
  const expected = run(process.execPath, builds[0]!, { TZ: 'UTC', LANG: 'C', LC_ALL: 'C' })
  t.match(expected, /^(?:[0-9a-f]{64}\n){6}$/, 'six releases')
  t.ok(new Set(expected.trim().split('\n')).size >= 5, 'not all the same')
  const places = [{ TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8' }, { TZ: 'America/St_Johns', LC_ALL: 'sv_SE.UTF-8' }, { TZ: 'Asia/Kathmandu', LC_ALL: 'de_DE.UTF-8' }]
  for (const [version, node] of nodes()) for (const file of builds) for (const env of version === process.version ? places : places.slice(0, 1)) t.equal(run(node, file, env), expected, `${version} ${env.TZ} ${env.LC_ALL}`)
})
