// Plain JavaScript that any Node can read: says what is missing before modern code is loaded. It must stay JavaScript: Node strips types by a WebAssembly module that takes 15 MiB and a
// tenth of a second, and does without when every TypeScript file comes out of the compile cache.
import * as modules from 'node:module'
import { compileCacheFolder } from './compile-cache.js'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(`stele: needs Node 24; found ${process.versions.node}. Run npm install in the project (it brings Node 24), or install Node 24.\n`)
  process.exit(1)
}
// Compiled code is kept in a folder of the user's own: later starts take less time and memory. Where there is none nothing is kept.
const compiled = compileCacheFolder()
if (compiled !== undefined) modules.enableCompileCache(compiled)
import('./cli.ts').then(async ({ runCli }) => { process.exitCode = await runCli(process.argv) }).catch((error) => {
  process.stderr.write(`stele: ${error.message}\n`)
  process.exit(1)
})
