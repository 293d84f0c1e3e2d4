import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chainIdOf } from '../../primitives/genesis.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import { SteleError } from '../../primitives/error.ts'
import { createSigner } from '../../primitives/signature.ts'
import type { Block } from '../../rpc/shapes/chain.ts'
import type { ClusterStatus, NodeInfo } from '../../rpc/shapes/cluster.ts'
import type { Consent } from '../../rpc/shapes/consent.ts'
import type { Account } from '../../rpc/shapes/identity.ts'
import type { TxReceipt, TxStatus } from '../../rpc/shapes/transaction.ts'
import { startDevNetwork, startNode } from '../../node/dev-network.ts'
import type { DevNode } from '../../node/dev-network.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { readKeys } from '../../node/keys.ts'
import { institution } from './calls.ts'
import type { Party } from './calls.ts'

/** Results of the methods that end-to-end tests call. */
interface Results { tx_send: TxStatus; tx_status: TxStatus; tx_wait: TxStatus; tx_receipt: TxReceipt; chain_block: Block; cluster_status: ClusterStatus; node_info: NodeInfo; identity_account: Account; consent_list: { readonly items: readonly Consent[] } }

/** Lines of its log that a report shows of a node. */
const LAST_LINES = 12
/** What the nodes of this test do now, for whoever awaits something in vain: their logs go with the test's folder. */
const reports = new Set<() => Promise<string>>()

/** Calls one method over HTTP. A JSON-RPC error becomes a SteleError with its code; an unreachable node throws what `fetch` throws. */
export async function callRpc<M extends keyof Results>(url: string, method: M, params: object = {}, timeoutMs = 90_000): Promise<Results[M]> {
  const response = await fetch(`${url}/rpc`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), signal: AbortSignal.timeout(timeoutMs) })
  const { result, error } = (await response.json()) as { result?: Results[M]; error?: { message: string; data: { code: string; retryable: boolean; details: readonly unknown[] } } }
  if (error !== undefined) throw new SteleError({ code: error.data.code, message: error.message, details: { method, details: error.data.details }, retryable: error.data.retryable })
  return result!
}

export interface ProcessCluster {
  readonly chain: Uint8Array
  readonly nodes: readonly DevNode[]
  /** Path of genesis. */
  readonly genesis: string
  /** The institutions, in the order of the nodes. */
  readonly members: readonly Party[]
  /** kill -9; resolves when the process is gone. */
  kill(i: number): Promise<void>
  /** Starts a killed node again; resolves once it serves. */
  restart(i: number): Promise<void>
  alive(i: number): boolean
  /** SIGTERM to all that live; resolves when all are gone. */
  stop(): Promise<void>
}

/** A network of real processes, as `stele dev` starts it, whose nodes can be killed one by one. */
export async function startProcesses(directory: string, count: number, parameters: Partial<ChainParameters> = {}): Promise<ProcessCluster> {
  const network = await startDevNetwork({ nodes: count, directory, parameters })
  const chain = chainIdOf(readGenesis(network.genesis))
  const nodes = [...network.nodes]
  const dead = new Set<number>()
  const members = await Promise.all(nodes.map(async ({ id, folder }) => {
    const { sign } = await readKeys(join(folder, 'operator.json'), 'operator', readFileSync(join(folder, 'passphrase'), 'utf8').trim())
    return institution(chain, id, createSigner(sign))
  }))
  const endings = new Map<number, number>()
  const watch = (i: number, { child }: DevNode): void => {
    endings.delete(i)
    void child.exited.then((code) => { if (!dead.has(i)) endings.set(i, code) })
  }
  const report = async (): Promise<string> => (await Promise.all(nodes.map((node, i) => describe(node, dead.has(i) ? 'killed' : endings.get(i))))).join('\n')
  reports.add(report)
  nodes.forEach((node, i) => watch(i, node))
  return {
    chain, nodes, members, genesis: network.genesis,
    async kill(i) {
      dead.add(i)
      nodes[i]!.child.process.kill('SIGKILL')
      await nodes[i]!.child.exited
    },
    async restart(i) {
      const { id, name } = nodes[i]!
      const node = nodes[i] = await startNode(id, name, directory)
      dead.delete(i)
      watch(i, node)
    },
    alive: (i) => !dead.has(i),
    async stop() {
      reports.delete(report)
      await Promise.all(nodes.flatMap(({ child }, i) => (dead.has(i) ? [] : [child.stop()])))
    },
  }
}

/** How a node is: whether its process lives, what it says of itself, and the end of its log. */
async function describe({ name, metrics, folder }: DevNode, ending: number | 'killed' | undefined): Promise<string> {
  const state = ending === undefined ? await fetch(`${metrics}/readyz?verbose`, { signal: AbortSignal.timeout(2_000) }).then((response) => response.text(), String) : ending === 'killed' ? 'killed by the test' : `ended by itself with ${ending}`
  return [`${name}: ${state}`, ...readFileSync(join(folder, 'node.log'), 'utf8').trimEnd().split('\n').slice(-LAST_LINES)].join('\n')
}

/** Asks until the answer satisfies; errors while asking count as "not yet". Throws with the last answer, and how the nodes are, after `timeoutMs`, which only ends a hang. */
export async function eventually<T>(ask: () => Promise<T>, satisfies: (answer: T) => boolean, timeoutMs = 90_000): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (satisfies(answer)) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error([`waited in vain; last: ${last instanceof Error ? `${String(last)} (${String(last.cause)})` : JSON.stringify(last)}`, ...await Promise.all([...reports].map((report) => report()))].join('\n'))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
