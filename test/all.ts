/**
 * Goal: all test files within the time that CI grants, its processors busy until the end. Method: plain `node` for each, since the hooks that tap's own runner loads for coverage and mocks cost half a second
 * per process; small files of a folder share a process; what takes longest starts first. Compiled code is kept below `node_modules`, so that only the first processes compile tap and what we share.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
/** Tests come to an end long before this, or hang. */
const PROCESS_MS_MAX = 300_000
/** What takes 8 s and more, the longest first. */
const LONG: readonly string[] = [
  'e2e/nemesis', 'e2e/demo', 'e2e/races', 'e2e/snapshot', 'e2e/cli', 'node/crash', 'e2e/dataset', 'e2e/commands', 'sim/swarm', 'sim/swarm-disks', 'sim/swarm-members', 'sim/swarm-lines', 'e2e/repair', 'e2e/canary', 'e2e/leaks',
  'node/snapshot-join', 'e2e/repair-process', 'e2e/cluster', 'e2e/hand-over', 'bench/main', 'e2e/held-process', 'e2e/bad-input', 'node/verify-data', 'e2e/two-histories', 'node/key-rotation', 'sim/bugs',
  'conformance/anonymization', 'node/archive', 'node/contract-activation', 'sim/simulation', 'node/dataset/linked-session',
]
/** What changes the process it runs in: its libraries, or how many of its tests run at a time. Each gets one of its own, as do short files of folders that are not named below. */
const APART: readonly string[] = ['p2p/yamux-windows', 'node/certificate-pursuit']
/** Folders whose other files share a process, the longest first. */
const TOGETHER: readonly (readonly string[])[] = [['primitives'], ['node'], ['state', 'vault'], ['p2p'], ['client', 'interop'], ['rpc', 'history'], ['contracts', 'consensus', 'privacy'], ['docs', 'attacks', 'bench', 'browser', 'nemesis', 'vectors']]

const path = (name: string): string => `test/${name}.test.ts`
const files = globSync('test/**/*.test.ts', { cwd: ROOT }).sort()
const gone = [...LONG, ...APART].map(path).filter((file) => !files.includes(file))
if (gone.length > 0) throw new Error(`test/all.ts names ${gone.join(', ')}, and there is no such file`)
const named = new Set([...LONG, ...APART].map(path))
const shared = TOGETHER.map((folders) => ({ name: folders.join('-'), files: files.filter((file) => !named.has(file) && folders.some((folder) => file.startsWith(`test/${folder}/`))) }))
const inTurn = new Set([...LONG.map(path), ...shared.flatMap((process) => process.files)])

t.jobs = Number(process.env['TAP_JOBS'] ?? 2)
t.setTimeout(0)
const env = { ...process.env, NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/compiled') }
function run(name: string, args: readonly string[]): void {
  // `env -u`: tap puts its hooks into the environment of whatever it starts, which would load them again.
  void t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, `--import=${join(ROOT, 'test/helpers/without-domains.ts')}`, ...args], { cwd: ROOT, env, buffered: true, timeout: PROCESS_MS_MAX, at: null, stack: '' }, name)
}
for (const file of LONG.map(path)) run(file, [file])
for (const { name, files } of shared) run(`test/{${name}}/ together`, ['test/helpers/several.ts', name, ...files])
for (const file of files.filter((file) => !inTurn.has(file))) run(file, [file])
