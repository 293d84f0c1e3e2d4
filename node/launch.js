// Plain JavaScript that any Node can read: says what is missing before modern code is loaded.
const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(`stele: needs Node 24; found ${process.versions.node}. Run npm install in the project (it brings Node 24), or install Node 24.\n`)
  process.exit(1)
}
import('./main.ts').catch((error) => {
  process.stderr.write(`stele: ${error.message}\n`)
  process.exit(1)
})
