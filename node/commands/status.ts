import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { errorCode } from '../../primitives/error.ts'
import { EXIT, explain, print, printJson, say } from '../output.ts'
import { connect, withRpcOption } from '../rpc-connection.ts'
import type { NodeConnection } from '../rpc-connection.ts'
import { formatClusterStatus, formatNodeInfo, isWritable } from '../status-text.ts'

interface Options { readonly cluster?: boolean; readonly watch?: boolean; readonly rpc?: string; readonly json?: boolean }

const REFRESH_MS = 1_000
/** Codes that mean "not now", as against a wrong call. */
const NOT_READY = ['CLIENT_UNREACHABLE', 'CLIENT_TIMED_OUT', 'NO_LEADER', 'NODE_NOT_STARTED', 'NODE_STOPPING']

export function register(program: Command): void {
  withRpcOption(program.command('status')
    .description('what a node says of itself; with --cluster: leader, term, height and lag of every node')
    .option('--cluster', 'ask every node, through the one at --rpc')
    .option('-w, --watch', 'show it again every second until Ctrl-C'))
    .option('--json', 'print one line of JSON each time')
    .addHelpText('after', `
Examples:
  stele status
  stele status --cluster --rpc http://127.0.0.1:8500
  stele status --cluster -w

Exit 0 when the node answers and knows a leader (with --cluster: writes have their quorum), 3 when not.`)
    .action(run)
}

async function run({ cluster, watch, rpc, json }: Options): Promise<void> {
  const node = connect(rpc)
  const show = (): Promise<boolean> => (cluster === true ? showCluster(node, json === true) : showNode(node, json === true))
  if (watch !== true) {
    process.exitCode = await orNotReady(show, json === true)
    return
  }
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  while (!abort.signal.aborted) {
    if (process.stdout.isTTY && json !== true) process.stdout.write('\u001b[H\u001b[J')
    process.exitCode = await orNotReady(show, json === true)
    await pause(REFRESH_MS, undefined, { signal: abort.signal }).catch((error: unknown) => { if (!abort.signal.aborted) throw error })
  }
  process.exitCode = EXIT.ok
}

/** A node that does not answer is an outcome here, not a failure of the command. */
async function orNotReady(show: () => Promise<boolean>, json: boolean): Promise<number> {
  try {
    return (await show()) ? EXIT.ok : EXIT.notReady
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined || !NOT_READY.includes(code)) throw error
    if (json) printJson({ error: { code } })
    else say(`stele: ${explain(error)}`)
    return EXIT.notReady
  }
}

async function showCluster(node: NodeConnection, json: boolean): Promise<boolean> {
  const status = await node.call('cluster_status', {})
  if (json) printJson(status)
  else print(formatClusterStatus(status))
  return isWritable(status)
}

async function showNode(node: NodeConnection, json: boolean): Promise<boolean> {
  const info = await node.call('node_info', {})
  if (json) printJson(info)
  else print(formatNodeInfo(info, Date.now()))
  return info.leader !== null
}
