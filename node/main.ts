import { enableCompileCache } from 'node:module'

// Compiled code is kept in the system's temporary folder: later starts take a third less time and memory. Where that folder is not writable nothing is kept.
enableCompileCache()
const { runCli } = await import('./cli.ts')
process.exitCode = await runCli(process.argv)
