import { createTransaction } from '../../primitives/transaction.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { encode } from '../../primitives/codec.ts'
import { identityCalls } from '../../primitives/calls/identity.ts'
import { genesisAccountId } from '../../primitives/genesis.ts'
import type { ChainParameters } from '../../primitives/genesis.ts'
import { noMetrics, silentLogger } from '../../primitives/ports.ts'
import type { Logger } from '../../primitives/ports.ts'
import { createSigner, ed25519KeyId } from '../../primitives/signature.ts'
import type { Signer } from '../../primitives/signature.ts'
import { freePorts } from '../../node/free-ports.ts'
import { loadConfig } from '../../node/config.ts'
import { readKeys } from '../../node/keys.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { createNetwork } from '../../node/network.ts'
import type { NetworkFiles } from '../../node/network.ts'
import type { Config } from '../../node/config.ts'
import type { JoinReason } from '../../node/node-parts.ts'
import { SteleNode } from '../../node/stele-node.ts'
import { systemRandom } from '../../node/system.ts'
import type { Executor } from '../../node/executor.ts'
import type { Registry } from '../../contracts/index.ts'
import type { FileSystem } from '../../state/file-system.ts'
import { readFileSync } from 'node:fs'

export { freePorts }

export interface TestCluster {
  readonly files: NetworkFiles
  readonly nodes: (SteleNode | undefined)[]
  readonly operators: readonly Signer[]
  /** A node that asks to be started again with a snapshot is. */
  startNode(i: number, join?: JoinReason): Promise<SteleNode>
  stopNode(i: number): Promise<void>
  stop(): Promise<void>
  /** A node that leads, once there is one. */
  leader(): Promise<SteleNode>
  /** A transaction of member `i` that enrols a fresh account. */
  enrolment(i?: number, lifetimeMs?: number): Transaction
}

/** Another leads soon after a leader has gone; on a busy machine also without that. For tests that do not mind who leads. */
export const FAST = { tickMs: 40, electionTicks: 10 } as const
/** So long an election timeout (20 s) that whom `elect` made the leader stays it, however busy the machine is. */
export const SLOW = { tickMs: 50, electionTicks: 400 } as const

/** A network of whole nodes in this process, on loopback, with files under `directory`. */
export async function createCluster(directory: string, count: number, options: { readonly logger?: Logger; readonly loggerOf?: (i: number) => Logger; readonly registryOf?: (i: number) => Registry | undefined; readonly executorOf?: (i: number) => typeof Executor; readonly onFatal?: (i: number, error: unknown) => void; readonly fileSystemOf?: (i: number) => FileSystem | undefined; readonly consensus?: { readonly tickMs: number; readonly electionTicks: number }; readonly parameters?: Partial<ChainParameters>; readonly config?: Partial<Config> } = {}): Promise<TestCluster> {
  const ports = await freePorts(3 * count)
  const names = ['hospital-a', 'clinic-b', 'lab-c', 'institute-d', 'hospital-e', 'clinic-f', 'lab-g']
  const files = await createNetwork({
    network: 'test', kind: 'development', directory, timeMs: Date.now(), cost: KEYSTORE_TEST_COST, ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
    members: names.slice(0, count).map((name, i) => ({ name, node: { host: '127.0.0.1', p2p: ports[3 * i]!, rpc: ports[3 * i + 1]!, admin: ports[3 * i + 2]! } })),
  })
  const nodes: (SteleNode | undefined)[] = files.members.map(() => undefined)
  const passphrases = files.members.map(({ passphraseFile }) => readFileSync(passphraseFile, 'utf8').trim())
  const operatorKeys = await Promise.all(files.members.map(({ folder }, i) => readKeys(`${folder}/operator.json`, 'operator', passphrases[i]!)))
  const operators = operatorKeys.map(({ sign }) => createSigner(sign))
  const rejoining: (Promise<SteleNode> | undefined)[] = []
  const cluster: TestCluster = {
    files, nodes, operators,
    async startNode(i, join) {
      const { config: path, folder } = files.members[i]!
      const config = { ...loadConfig(path), consensus: options.consensus ?? FAST, ...options.config }
      const keys = await readKeys(`${folder}/node.json`, 'node', passphrases[i]!)
      const fileSystem = options.fileSystemOf?.(i)
      const registry = options.registryOf?.(i)
      const node = new SteleNode({ config, genesis: files.genesis, keys }, {
        logger: options.loggerOf?.(i) ?? options.logger ?? silentLogger, metrics: noMetrics, ...(fileSystem === undefined ? {} : { fileSystem }), ...(registry === undefined ? {} : { registry }),
        join, rejoin: (reason) => { rejoining[i] = cluster.stopNode(i).then(() => cluster.startNode(i, reason)) },
        fatal: (error) => options.onFatal === undefined ? process.nextTick(() => { throw error }) : options.onFatal(i, error),
      }, options.executorOf?.(i))
      nodes[i] = node
      await node.start()
      return node
    },
    async stopNode(i) {
      await nodes[i]?.stop()
      nodes[i] = undefined
    },
    async stop() {
      await Promise.all(rejoining)
      await Promise.all(nodes.map((node) => node?.stop()))
    },
    async leader() {
      for (;;) {
        const found = nodes.find((node) => node?.parts.driver.status.role === 'leader')
        if (found !== undefined) return found
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    enrolment(i = 0, lifetimeMs = 300_000) {
      const account = createSigner(systemRandom.bytes(32))
      const args = encode(identityCalls.enroll, { kind: 'service', signKey: ed25519KeyId(account.publicKey), sealKey: systemRandom.bytes(32) })
      return createTransaction({ chain: files.chain, account: genesisAccountId(files.chain, i + 1), contract: 'identity', call: 'enroll', args, validUntil: BigInt(Date.now() + lifetimeMs), salt: systemRandom.bytes(16) }, operators[i]!)
    },
  }
  return cluster
}

/** Makes node `i` the leader: whoever leads hands over to it. */
export async function lead(cluster: TestCluster, i: number): Promise<SteleNode> {
  const candidate = cluster.nodes[i]!
  for (;;) {
    const { role, leader: followed } = candidate.parts.driver.status
    if (role === 'leader') return candidate
    const leader = cluster.nodes.find((node) => node?.parts.config.node === followed && node.parts.driver.status.role === 'leader')
    await leader?.parts.driver.handOver(candidate.parts.config.node)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Makes node `i` the leader of nodes that have just started with `SLOW` elections, and waits until all of them follow it. */
export async function elect(cluster: TestCluster, i: number): Promise<SteleNode> {
  const nodes = cluster.nodes.filter((node) => node !== undefined)
  const candidate = cluster.nodes[i]!
  await until(() => nodes.every(({ parts }) => parts.network.raft.reachable().length >= nodes.length - 1))
  let nextMs = 0
  await until(() => {
    // A vote may be lost with one of two connections that were opened at the same time.
    if (candidate.parts.driver.status.role !== 'leader' && performance.now() >= nextMs) {
      nextMs = performance.now() + 1_000
      candidate.parts.driver.campaign()
    }
    return nodes.every(({ parts }) => parts.driver.status.leader === candidate.parts.config.node)
  })
  return candidate
}

/** Resolves once `holds` does; checked often, because what is awaited happens in other parts of this process. The limit only ends a hang. */
export async function until(holds: () => boolean, timeoutMs = 90_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
