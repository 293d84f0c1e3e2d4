import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cleanup } from '../../bench/cleanup.ts'
import { contentBytes, cpuSeconds, median, quantile, residentMiB, syncMs } from '../../bench/measure.ts'

t.test('one release that fails does not keep the others', async (t) => {
  const cleanup = new Cleanup()
  const released: string[] = []
  cleanup.add(() => { released.push('folder') })
  cleanup.add(() => Promise.reject(new Error('gone already')))
  cleanup.add(async () => { released.push('process') })
  await t.rejects(cleanup.run(), { message: 'the benchmark could not clean up' })
  t.same(released, ['process', 'folder'], 'in reverse order')
  await cleanup.run()
  t.equal(released.length, 2, 'nothing twice')
})

t.test('quantiles need no order and leave their input alone', (t) => {
  const numbers = [5, 1, 4, 2, 3]
  t.same([quantile(numbers, 0), median(numbers), quantile(numbers, 0.99)], [1, 3, 5])
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.same(numbers, [5, 1, 4, 2, 3])
  t.ok(Number.isNaN(median([])))
  t.end()
})

t.test('only content counts, not what is preallocated', (t) => {
  const directory = t.testdir({ empty: '', below: { text: 'abc' } })
  writeFileSync(join(directory, 'zeros'), Buffer.alloc(200_000))
  const segment = Buffer.alloc(200_000)
  segment[99_999] = 1
  writeFileSync(join(directory, 'segment'), segment)
  t.equal(contentBytes(directory), 3 + 100_000)
  t.end()
})

t.test('a process has CPU time and memory, and the disk a time to sync', (t) => {
  t.ok(cpuSeconds(process.pid) > 0)
  t.ok(residentMiB(process.pid) > 10)
  t.ok(syncMs(t.testdir({}), 3) > 0)
  t.end()
})
