import t from 'tap'
import { build } from 'esbuild'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

t.test('every file of privacy/ bundles for a browser without Node built-ins', async (t) => {
  const files = readdirSync(join(root, 'privacy')).filter((name) => name.endsWith('.ts'))
  t.ok(files.length > 5)
  const result = await build({
    stdin: { contents: files.map((name, i) => `export * as f${i} from './privacy/${name}'`).join('\n'), resolveDir: root },
    bundle: true, write: false, format: 'esm', platform: 'browser', conditions: ['browser'], logLevel: 'silent', metafile: true,
  })
  const inputs = Object.keys(result.metafile.inputs)
  t.same(inputs.filter((name) => name.startsWith('node:') || name.includes('native')).filter((name) => !name.includes('node_modules')), [])
})
