import t from 'tap'
import { silentLogger } from '../../primitives/ports.ts'
import { nodeFileSystem, nodeTimers } from '../../state/node-file-system.ts'
import { openLedger } from '../../state/ledger-open.ts'
t.test('smoke', async (t) => {
  const dir = t.testdir()
  const c = { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: { bytes: (n: number) => new Uint8Array(n).fill(7) }, failed: (e: unknown) => { throw e } }
  const o = { directory: `${dir}/ledger`, chainId: new Uint8Array(32).fill(1), segmentBytes: 65536 }
  const a = await openLedger(o, c)
  if (a.status !== 'normal') throw new Error('x')
  const n = 50
  for (let i = 1; i <= n; i++) await a.ledger.append({ hardState: { term: 1, vote: 1, commit: i - 1 }, entries: [{ term: 1, index: i, height: i, kind: 'normal', data: new Uint8Array(4096).fill(i), hash: new Uint8Array(32).fill(i) }] })
  t.equal(a.ledger.storedLastIndex(), n)
  await t.rejects(openLedger(o, c), { code: 'LEDGER_LOCKED', details: { pid: process.pid } })
  await a.ledger.close()
  const b = await openLedger(o, c)
  t.equal(b.status, 'normal')
  if (b.status !== 'normal') return
  t.match(b.ledger.recovered, { lastIndex: n, bootCounter: 2, hardState: { term: 1, vote: 1, commit: n - 1 } })
  t.equal(b.ledger.entries(1, n + 1, 1e9).length, n)
  t.equal(b.ledger.indexOfHeight(7), 7)
  await b.ledger.close()
})
