import t from 'tap'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8Bytes } from '../../primitives/bytes.ts'
import { openDatabase } from '../../state/database.ts'
import { memoryDatabase } from '../../state/memory-database.ts'
import { databaseCompliance } from '../compliance/database.ts'

t.test('classic-level fulfils the database contract', async (t) => databaseCompliance(t, (t) => openDatabase(join(t.testdir({}), 'db'))))
t.test('the in-memory database fulfils the database contract', async (t) => databaseCompliance(t, async () => memoryDatabase()))

t.test('a second opening in another process or this one is refused with STATE_LOCKED naming the path', async (t) => {
  const path = join(t.testdir({}), 'db')
  const db = await openDatabase(path)
  t.teardown(() => db.close())
  const module = new URL('../../state/database.ts', import.meta.url).href
  const script = `import(${JSON.stringify(module)}).then((m) => m.openDatabase(${JSON.stringify(path)})).then(() => 'opened', (e) => e.code).then((r) => process.stdout.write(r))`
  t.equal(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }), 'STATE_LOCKED')
  // In this order: LevelDB's second attempt within one process closes the lock file, and with it POSIX gives up the lock against other processes.
  await t.rejects(openDatabase(path), { code: 'STATE_LOCKED', details: { path } })
})

t.test('a path that cannot hold a database is refused with STATE_OPEN_FAILED', async (t) => {
  const dir = t.testdir({ file: 'not a directory' })
  await t.rejects(openDatabase(join(dir, 'file')), { code: 'STATE_OPEN_FAILED' })
})

t.test('a flipped byte of a stored value is STATE_DAMAGED when read, and names the row', async (t) => {
  const path = join(t.testdir({}), 'db')
  const first = await openDatabase(path)
  await first.write([{ key: utf8Bytes('row'), value: Buffer.alloc(64, 'needle') }], { sync: true })
  await first.close()
  // A reopening moves the log into a table file, whose checksums this binding does not ask LevelDB to verify.
  await (await openDatabase(path)).close()
  let flipped = 0
  for (const name of readdirSync(path).filter((name) => name.endsWith('.ldb'))) {
    const bytes = readFileSync(join(path, name))
    const at = bytes.indexOf('needle')
    if (at < 0) continue
    bytes[at]! ^= 1
    writeFileSync(join(path, name), bytes)
    flipped++
  }
  t.equal(flipped, 1)
  const db = await openDatabase(path)
  const view = db.view()
  t.throws(() => view.get(utf8Bytes('row')), { code: 'STATE_DAMAGED', details: { row: '726f77' } })
  await view.close()
  await db.close()
})

t.test('after kill -9 every batch that was answered is whole, and none is half there', async (t) => {
  const path = join(t.testdir({}), 'db')
  const module = new URL('../../state/database.ts', import.meta.url).href
  const script = `
    const { openDatabase } = await import(${JSON.stringify(module)})
    const db = await openDatabase(${JSON.stringify(path)})
    for (let i = 1; ; i++) {
      const value = Buffer.alloc(4); value.writeUInt32BE(i)
      await db.write(Array.from({ length: 200 }, (_, k) => ({ key: Buffer.from('k' + k), value })), { sync: false })
      process.stdout.write(i + '\\n')
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
    if (output.length > 400) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const answered = Number(output.trim().split('\n').at(-1))
  const db = await openDatabase(path)
  const view = db.view()
  const values = new Set(Array.from({ length: 200 }, (_, k) => Buffer.from(view.get(utf8Bytes(`k${k}`)) ?? []).readUInt32BE()))
  t.equal(values.size, 1, 'all rows are of one batch')
  t.ok([...values][0]! >= answered, 'and it is not older than the last answer')
  await view.close()
  await db.close()
})

t.test('a disk that takes no more is STATE_WRITE_FAILED, and what was answered before is whole after a restart', async (t) => {
  const path = join(t.testdir({}), 'db')
  const module = new URL('../../state/database.ts', import.meta.url).href
  const script = `
    process.on('SIGXFSZ', () => {})
    const { openDatabase } = await import(${JSON.stringify(module)})
    const db = await openDatabase(${JSON.stringify(path)})
    let answered = 0
    try {
      for (let i = 1; i < 1000; i++) {
        const value = Buffer.alloc(1000); value.writeUInt32BE(i)
        await db.write(Array.from({ length: 20 }, (_, k) => ({ key: Buffer.from('k' + k), value })), { sync: true })
        answered = i
      }
    } catch (error) {
      process.stdout.write(JSON.stringify({ answered, code: error.code }))
      process.exit(0)
    }`
  // The shell's limit on file size stands in for a full disk: writes beyond it fail with EFBIG.
  // tap puts its hooks into every process that a test starts, whatever its environment says; they hear each signal and end the process by it, unless somebody else listens too.
  const { NODE_OPTIONS: _hooks, NODE_V8_COVERAGE: _coverage, ...env } = process.env
  const output = execFileSync('sh', ['-c', 'ulimit -f 1000 && exec "$0" --input-type=module -e "$1"', process.execPath, script], { encoding: 'utf8', env })
  const { answered, code } = JSON.parse(output) as { answered: number; code: string }
  t.equal(code, 'STATE_WRITE_FAILED')
  t.ok(answered > 0)
  const db = await openDatabase(path)
  const view = db.view()
  const values = new Set(Array.from({ length: 20 }, (_, k) => Buffer.from(view.get(utf8Bytes(`k${k}`)) ?? []).readUInt32BE()))
  t.equal(values.size, 1, 'all rows are of one batch')
  t.ok([...values][0]! >= answered)
  await view.close()
  await db.close()
})
