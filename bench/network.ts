import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SteleError } from '../primitives/error.ts'
import type { ChainParameters } from '../primitives/genesis.ts'
import { startDevNetwork, startNode } from '../node/dev-network.ts'
import type { DevNode } from '../node/dev-network.ts'
import type { Cleanup } from './cleanup.ts'
import { LoadClient } from './load.ts'
import { sleep } from './measure.ts'

interface Head { readonly committed: { readonly height: number } }

/** One node under measurement, with a client of it. */
export interface BenchNode { readonly process: DevNode; readonly client: LoadClient }

export const NODES = 3
const CONNECTIONS_PER_NODE = 64
const SETTLE_MS_MAX = 60_000

/** Three nodes, each a process of its own with its own folder, as in production: fsync on, default configuration. */
export class BenchNetwork {
  readonly directory: string
  #nodes: BenchNode[] = []

  private constructor(directory: string) {
    this.directory = directory
  }

  /** `count` nodes; `parameters`: of the chain, where they differ from the defaults. */
  static async start(cleanup: Cleanup, count = NODES, parameters: Partial<ChainParameters> = {}): Promise<BenchNetwork> {
    const network = new BenchNetwork(mkdtempSync(join(tmpdir(), 'stele-bench-')))
    cleanup.add(() => network.stop())
    const { nodes } = await startDevNetwork({ nodes: count, directory: network.directory, parameters }).catch((cause: unknown) => { throw withLog(cause) })
    network.#nodes = nodes.map(withClient)
    await network.leader()
    return network
  }

  get nodes(): readonly BenchNode[] { return this.#nodes }

  /** Index of the leader, once there is one that every node follows. */
  async leader(): Promise<number> {
    for (const deadline = performance.now() + SETTLE_MS_MAX; performance.now() < deadline; await sleep(20)) {
      const seen = await Promise.all(this.#nodes.map(({ client }) => client.call<{ leader: number | null }>('node_info', {})))
      const [first] = seen
      if (first !== undefined && first.leader !== null && seen.every(({ leader }) => leader === first.leader)) return first.leader - 1
    }
    throw new Error('the nodes agree on no leader')
  }

  async height(index: number): Promise<number> {
    return (await this.#nodes[index]!.client.call<Head>('chain_head', {})).committed.height
  }

  /** Transactions in the blocks above height `from` up to `to`. */
  async countTransactions(index: number, from: number, to: number): Promise<number> {
    let count = 0
    for (let height = from + 1; height <= to; height++) {
      count += (await this.#nodes[index]!.client.call<{ readonly summary: { readonly transactions: number } }>('chain_block', { height })).summary.transactions
    }
    return count
  }

  /** Resolves once every node has committed this height; throws when that takes too long. */
  async reached(height: number, indexes: readonly number[] = [...this.#nodes.keys()]): Promise<void> {
    const deadline = performance.now() + SETTLE_MS_MAX
    for (const index of indexes) {
      while ((await this.height(index)) < height) {
        if (performance.now() > deadline) throw new Error(`node ${index + 1} does not reach height ${height}`)
        await sleep(2)
      }
    }
  }

  /** Ends a node: SIGTERM lets it finish, SIGKILL does not. Resolves once the process is gone. */
  async end(index: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { process: { child }, client } = this.#nodes[index]!
    child.process.kill(signal)
    await child.exited
    client.close()
  }

  /** Starts a node again that was ended, on its own data. */
  async restart(index: number): Promise<void> {
    const { process: { id, name } } = this.#nodes[index]!
    this.#nodes[index] = withClient(await startNode(id, name, this.directory))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map(({ process: { child } }) => child.stop()))
    for (const { client } of this.#nodes) client.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const withClient = (node: DevNode): BenchNode => ({ process: node, client: new LoadClient(node.rpc, CONNECTIONS_PER_NODE) })

/** The log goes with the folder, so what it says at its end goes with the error. */
function withLog(cause: unknown): Error {
  const path = cause instanceof SteleError ? cause.details['log'] : undefined
  const end = typeof path === 'string' ? readFileSync(path, 'utf8').slice(-2000) : ''
  return new Error(`the nodes did not start: ${end}`, { cause })
}
