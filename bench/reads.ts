import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import autocannon from 'autocannon'
import type { Cleanup } from './cleanup.ts'

const CONNECTIONS = 32
const WARM_UP_SECONDS = 1

export const CHAIN_HEAD_CALL: string = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'chain_head', params: {} })

/** Starts the bare Fastify echo and resolves with its URL. */
export async function startEcho(cleanup: Cleanup): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'echo-server.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  cleanup.add(async () => {
    child.stdin.end()
    await exited
  })
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  return line.trim()
}

/** Calls that a server answers in a second, 32 open at once, the load generator in a thread of its own. Throws when any was refused. */
export async function readsPerSecond(url: string, seconds: number): Promise<number> {
  const options = { url: new URL('/rpc', url).href, method: 'POST', headers: { 'content-type': 'application/json' }, body: CHAIN_HEAD_CALL, connections: CONNECTIONS, workers: 1 } as const
  await autocannon({ ...options, duration: WARM_UP_SECONDS })
  const { requests, errors, non2xx } = await autocannon({ ...options, duration: seconds })
  if (errors > 0 || non2xx > 0) throw new Error(`${errors} errors and ${non2xx} refusals under reads`)
  return requests.average
}
