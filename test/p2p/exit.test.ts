import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

t.test('stopped networks leave nothing behind that keeps the process alive', async (t) => {
  const startMs = performance.now()
  // The time-out kills a process that hangs, and the rejection names it.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('exit-child.ts', import.meta.url))], { timeout: 120_000 })
  t.equal(stdout, 'stopped\n')
  t.equal(stderr, '', 'and say nothing on the way')
  t.comment(`took ${Math.round(performance.now() - startMs)} ms`)
})
