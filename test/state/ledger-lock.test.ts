import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { takeLock } from '../../state/ledger-lock.ts'
import { testDirectory } from '../helpers/directory.ts'

const HOLDER = `
  const { takeLock } = await import(${JSON.stringify(new URL('../../state/ledger-lock.ts', import.meta.url).href)})
  await takeLock(process.argv[1])
  process.stdout.write('held')
  setInterval(() => {}, 1000)
`

t.test('a second process is refused with the pid of the first, and gets the lock once the first was killed', async (t) => {
  const path = `${testDirectory(t)}/lock`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  await t.rejects(takeLock(path), { code: 'LEDGER_LOCKED', details: { pid: holder.pid } })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const release = await takeLock(path)
  await t.rejects(takeLock(path), { code: 'LEDGER_LOCKED', details: { pid: process.pid } }, 'also within one process')
  await release()
  await release()
  await (await takeLock(path))()
})

t.test('a directory that cannot be written is told as such, not as locked', async (t) => {
  await t.rejects(takeLock(`${testDirectory(t)}/none/lock`), { code: 'ERR_SQLITE_ERROR' })
})
