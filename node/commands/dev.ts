import { mkdtempSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { print, printJson, say, table } from '../output.ts'
import { STELE_VERSION } from '../version.ts'

function count(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > 16) throw new InvalidArgumentError('an integer from 1 to 16')
  return number
}

function port(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1024 || number > 65_000) throw new InvalidArgumentError('a port from 1024 to 65000')
  return number
}

export function register(program: Command): void {
  program.command('dev')
    .description('run a whole network of local nodes, each in its own process; Ctrl-C or SIGTERM stops all')
    .option('--nodes <n>', 'number of institutions, one node each', count, 4)
    .option('--data <dir>', 'where keys and data go; kept, and started again by the next run (default: a temporary folder, deleted on exit)')
    .option('--port-base <n>', 'node i, counted from 0, uses n + 10 i (RPC), + 1 (health), + 2 (peers); default: free ports', port)
    .option('--json', 'print one line of JSON once all are ready')
    .addHelpText('after', `
Examples:
  stele dev
  stele dev --nodes 3 --data ./net --port-base 8500
  stele dev --json | jq -r '.nodes[0].rpc'

The keys of a development network open with a passphrase that lies beside them. Never use them elsewhere.`)
    .action(run)
}

async function run({ nodes, data, portBase, json }: { nodes: number; data?: string; portBase?: number; json?: boolean }): Promise<void> {
  const { startDevNetwork } = await import('../dev-network.ts')
  const directory = data ?? mkdtempSync(join(tmpdir(), 'stele-dev-'))
  const startedMs = performance.now()
  let stopping = false
  let stopAll: (() => Promise<void>) | undefined
  const starting = new AbortController()
  const clean = (): void => { if (data === undefined) rmSync(directory, { recursive: true, force: true }) }
  const stop = (): void => {
    if (stopping) return
    stopping = true
    // Nodes that are still starting end first; then the start below rejects.
    if (stopAll === undefined) return starting.abort()
    void stopAll().then(() => {
      clean()
      process.exit(0)
    })
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  const network = await startDevNetwork({ nodes, directory, signal: starting.signal, ...(portBase === undefined ? {} : { portBase }), onProgress: (text) => { if (json !== true) say(text) } }).catch((error: unknown) => {
    clean()
    if (stopping) process.exit(0)
    throw error
  })
  stopAll = network.stop
  for (const { child, name } of network.nodes) {
    void child.exited.then((code) => {
      if (stopping) return
      const { signalCode } = child.process
      const how = signalCode === null ? `ended with code ${code}` : `was ended by ${signalCode}`
      say(`stele: ${name} ${how}; its log is in ${join(directory, name, 'node.log')}; start it again with: stele start --config ${join(directory, name, 'config.yaml')}`)
    })
  }
  if (!await allReady(network.nodes)) say('stele: not every node is ready yet; `stele status --cluster` says what is missing')
  const shown = network.nodes.map(({ id, rpc, metrics, p2p, pid, data: dataDir }) => ({ id, rpc, metrics, p2p, pid, data: dataDir }))
  if (json === true) return printJson({ nodes: shown, keys: network.keys, genesis: network.genesis })
  print(`stele ${STELE_VERSION} · ${network.nodes.length} nodes · ${directory}${data === undefined ? ' (deleted on exit)' : ''}\n`)
  print(table([['NODE', 'NAME', 'RPC', 'HEALTH', 'PID'], ...network.nodes.map(({ id, name, rpc, metrics, pid }) => [String(id), name, rpc, metrics, String(pid)])]))
  print(`\nkeys    ${network.keys}/<name>/{operator,governance,node}.json   (development only)`)
  print(`try     stele status --cluster --rpc ${network.nodes[0]!.rpc}`)
  print(`ready in ${((performance.now() - startedMs) / 1000).toFixed(1)} s · Ctrl-C stops everything`)
}

/** After the nodes' processes answer they elect a leader, which takes a second or two; a network kept from before may have to catch up. */
const READY_MS_MAX = 20_000

/** Waits until every node says that it is ready to serve: it knows the leader and reaches a quorum. False when that took too long, which is told and harms nothing. */
async function allReady(nodes: readonly { readonly metrics: string }[]): Promise<boolean> {
  const deadline = performance.now() + READY_MS_MAX
  const isReady = async ({ metrics }: { readonly metrics: string }): Promise<boolean> => {
    try {
      return (await fetch(new URL('/readyz', metrics))).ok
    } catch {
      return false // It ended, which is told elsewhere, or its listener is not there yet.
    }
  }
  for (const node of nodes) {
    while (!await isReady(node)) {
      if (performance.now() > deadline) return false
      await sleep(50)
    }
  }
  return true
}
