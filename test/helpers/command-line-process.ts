/** A process that runs one command line after another, as told by its parent: starting Node costs more than most commands. */
import { runCli } from '../../node/cli.ts'

process.stdout.setMaxListeners(0)

process.on('message', ({ id, args }: { id: number; args: readonly string[] }) => {
  const said = { stdout: '', stderr: '' }
  const writes = { stdout: process.stdout.write, stderr: process.stderr.write }
  for (const stream of ['stdout', 'stderr'] as const) {
    process[stream].write = (text: string | Uint8Array) => {
      said[stream] += String(text)
      return true
    }
  }
  process.exitCode = undefined
  const answer = (code: number): void => {
    for (const stream of ['stdout', 'stderr'] as const) process[stream].write = writes[stream]
    process.send!({ id, code, ...said })
  }
  runCli(['node', 'stele', ...args]).then(answer, (error: unknown) => {
    said.stderr += String(error)
    answer(1)
  })
})
