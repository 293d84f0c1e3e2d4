// Plain JavaScript that any Node can read: says what is missing before modern code is loaded. It must stay JavaScript: Node strips types by a WebAssembly module that takes 15 MiB and a
// tenth of a second, and does without when every TypeScript file comes out of the compile cache.
import * as modules from 'node:module'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(`stele: needs Node 24; found ${process.versions.node}. Run npm install in the project (it brings Node 24), or install Node 24.\n`)
  process.exit(1)
}
// Compiled code is kept in the system's temporary folder: later starts take less time and memory. Where that folder is not writable nothing is kept.
modules.enableCompileCache()
import('./cli.ts').then(async ({ runCli }) => { process.exitCode = await runCli(process.argv) }).catch((error) => {
  process.stderr.write(`stele: ${error.message}\n`)
  process.exit(1)
})
