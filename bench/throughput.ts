import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDevNetwork } from '../node/dev-network.ts'
import { batchBody, LoadClient, quantile } from './load.ts'
import { enrolments } from './transactions.ts'

/** User and system time of a process and its threads so far (Linux counts in 1/100 s). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const COUNT = Number(process.argv[2] ?? 20_000)
const directory = mkdtempSync(join(tmpdir(), 'stele-bench-'))
const network = await startDevNetwork({ nodes: 3, directory })
try {
  const clients = network.nodes.map(({ rpc }) => new LoadClient(rpc, 16))
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const transactions = await enrolments(directory, COUNT + 300)
  const status = await clients[0]!.call<{ leader: number }>('cluster_status', {})
  // Latency: one client, one transaction at a time, at the leader.
  const latencies: number[] = []
  for (const transaction of transactions.slice(0, 300)) {
    const t = performance.now()
    await clients[status.leader - 1]!.post(batchBody([transaction], 'committed'))
    latencies.push(performance.now() - t)
  }
  console.log(`commit latency ms p50 ${quantile(latencies, 0.5).toFixed(2)} p99 ${quantile(latencies, 0.99).toFixed(2)}`)
  const bodies: string[] = []
  for (let at = 300; at < transactions.length; at += 50) bodies.push(batchBody(transactions.slice(at, at + 50), 'none'))
  const cpu = process.cpuUsage()
  const before = network.nodes.map(({ pid }) => cpuSeconds(pid))
  const started = performance.now()
  let next = 0
  let refused = 0
  await Promise.all(Array.from({ length: 24 }, async (_, w) => {
    while (next < bodies.length) {
      const body = bodies[next++]!
      for (;;) {
        const answers = JSON.parse(await clients[w % clients.length]!.post(body)) as { error?: { data?: { code: string } } }[]
        const busy = answers.filter(({ error }) => error !== undefined)
        if (busy.length === 0) break
        refused += busy.length
        if (busy.some(({ error }) => error?.data?.code !== 'CONSENSUS_BUSY')) throw new Error(JSON.stringify(busy[0]))
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }))
  const sent = performance.now()
  let total = 0
  let height = 0
  for (let seen = 0; seen < COUNT + 300;) {
    const head = await clients[0]!.call<{ committed: { height: number } }>('chain_head', {})
    while (height < head.committed.height) {
      const { summary } = await clients[0]!.call<{ summary: { transactions: number } }>('chain_block', { height: ++height })
      seen += summary.transactions
      total = seen
    }
    if (seen < COUNT + 300) await new Promise((resolve) => setTimeout(resolve, 20))
    if (performance.now() - started > 60_000) break
  }
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  console.log(`${COUNT} transactions: sent in ${((sent - started) / 1000).toFixed(2)} s, committed ${total - 300} in ${seconds.toFixed(2)} s = ${Math.round((total - 300) / seconds)}/s, ${height} blocks, ${refused} refused; load generator ${((used.user + used.system) / 1e6).toFixed(2)} CPU s`)
  console.log(`CPU s of the nodes per 1,000 transactions: ${network.nodes.map(({ pid }, i) => ((cpuSeconds(pid) - before[i]!) / COUNT * 1000).toFixed(3)).join(' ')}`)
  for (const client of clients) client.close()
} finally {
  await network.stop()
  rmSync(directory, { recursive: true, force: true })
}
