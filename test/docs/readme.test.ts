/** Goal: what README promises is so. Method: its code is a file that runs here on a real network; its commands exist. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../../docs/generate/sources.ts'
import { startDevNetwork } from '../../node/dev-network.ts'
import { testDirectory } from '../helpers/directory.ts'

const run = promisify(execFile)
const readme = await readFile(new URL('README.md', ROOT), 'utf8')

t.test('the two commands stand in it, word for word', async (t) => {
  t.match(readme, 'npm install --no-audit --no-fund && npm run demo')
  t.match(readme, 'npm install --no-audit --no-fund && npm test')
})

t.test('its code is docs/examples/first-consent.ts', async (t) => {
  const code = await readFile(new URL('docs/examples/first-consent.ts', ROOT), 'utf8')
  t.ok(readme.includes(`\`\`\`ts\n${code.slice(code.indexOf('const [url'))}\`\`\``), 'the block is the file without its head')
})

t.test('that code runs on a network of one node and prints a verified receipt', { timeout: 290_000 }, async (t) => {
  const network = await startDevNetwork({ nodes: 1, directory: join(testDirectory(t), 'net') })
  t.teardown(network.stop)
  const { NODE_OPTIONS: _preloads, ...env } = process.env
  const { stdout } = await run(process.execPath, [fileURLToPath(new URL('docs/examples/first-consent.ts', ROOT)), network.nodes[0]!.rpc, network.keys], { env })
  t.match(stdout, /^receipt valid$/m)
  t.match(stdout, /event +consent\.granted/)
})

t.test('every command of stele that papers name exists', async (t) => {
  const papers = await Promise.all(['README.md', 'docs/operations.md', 'docs/architecture.md', 'SECURITY.md', 'CONTRIBUTING.md'].map((path) => readFile(new URL(path, ROOT), 'utf8')))
  const named = new Set(papers.flatMap((text) => [...text.matchAll(/(?:^|[`\s/])stele ([a-z]+)\b/gm)].map(([, name]) => name!)).filter((name) => !WORDS.has(name)))
  const { stdout } = await run(fileURLToPath(new URL('node/stele', ROOT)), ['--help'])
  const commands = new Set([...stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name!))
  t.ok(named.size >= 5, [...named].join(' '))
  t.strictSame([...named].filter((name) => !commands.has(name)), [])
})
/** What follows the program's name in prose without being a command. */
const WORDS = new Set(['is', 'was', 'are', 'and', 'ledger', 'node', 'stele'])
