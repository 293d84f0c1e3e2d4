import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startChild } from './children.ts'
import { freePorts, mustBeFree } from './free-ports.ts'
import type { Child } from './children.ts'
import { readGenesis } from './genesis-file.ts'
import { KEYSTORE_TEST_COST } from './keystore.ts'
import type { ChainParameters } from '../primitives/genesis.ts'
import { createNetwork } from './network.ts'
import { SteleError } from '../primitives/error.ts'
import { loadConfig } from './config.ts'

export const MEMBER_NAMES = ['city-hospital', 'lake-clinic', 'north-lab', 'research-institute', 'harbour-hospital', 'east-clinic', 'south-lab'] as const

/** Folder in which a new network is made. */
const MAKING = '.making'

export interface DevNode { readonly id: number; readonly name: string; readonly rpc: string; readonly metrics: string; readonly p2p: string; readonly pid: number; readonly data: string; readonly child: Child; readonly folder: string }
export interface DevNetwork { readonly nodes: DevNode[]; readonly keys: string; readonly genesis: string; stop(): Promise<void> }

export interface DevOptions {
  readonly nodes: number
  /** Folder of the network; an existing network there is started again. */
  readonly directory: string
  /** Node i takes this + 10 i for RPC, + 1 for health, + 2 for peers; undefined takes free ports. */
  readonly portBase?: number
  /** Chain parameters of a new network that differ from the defaults. */
  readonly parameters?: Partial<ChainParameters>
  /** Names of the first members; the built-in ones unless told. */
  readonly names?: readonly string[]
  readonly onProgress?: (text: string) => void
  /** Ends what is starting; `startDevNetwork` then rejects. */
  readonly signal?: AbortSignal
}

/** Makes (or finds) a network of local nodes and starts each in a process of its own. Throws `DEV_PORT_IN_USE`, `DEV_FOLDER_TAKEN` or `CHILD_FAILED`; nothing is left running then. */
export async function startDevNetwork({ nodes: count, directory, portBase, names = MEMBER_NAMES, parameters, onProgress = () => {}, signal }: DevOptions): Promise<DevNetwork> {
  const genesisPath = join(directory, 'genesis.json')
  if (!existsSync(genesisPath)) await createDevNetwork(count, directory, portBase, names, onProgress, parameters)
  else if (portBase !== undefined) onProgress('the network is there already: it keeps its members and ports')
  const genesis = readGenesis(genesisPath)
  signal?.throwIfAborted()
  onProgress(`starting ${genesis.members.length} nodes`)
  const started = await Promise.allSettled(genesis.members.map(({ name, member }) => startNode(member, name, directory, signal)))
  const nodes = started.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : []))
  const failed = started.find((node) => node.status === 'rejected')
  const stop = async (): Promise<void> => { await Promise.all(nodes.map(({ child }) => child.stop())) }
  if (failed !== undefined || signal?.aborted === true) {
    await stop()
    signal?.throwIfAborted()
    throw failed?.reason
  }
  return { nodes, keys: directory, genesis: genesisPath, stop }
}

async function createDevNetwork(count: number, directory: string, portBase: number | undefined, names: readonly string[], onProgress: (text: string) => void, parameters: Partial<ChainParameters> = {}): Promise<void> {
  const taken = Array.from({ length: count }, (_, i) => join(directory, nameOf(names, i))).find((path) => existsSync(path))
  if (taken !== undefined) throw new SteleError({ code: 'DEV_FOLDER_TAKEN', message: 'a folder of the new network is there already, without a genesis', details: { path: taken } })
  onProgress(`making keys and genesis of ${count} members`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const ports = portBase === undefined ? await freePorts(3 * count) : Array.from({ length: 3 * count }, (_, i) => portBase + 10 * Math.floor(i / 3) + (i % 3))
  if (portBase !== undefined) for (const port of ports) await mustBeFree(port)
  // Made beside and moved at the end, so that an interrupted run leaves nothing that the next one stumbles over.
  const making = join(directory, MAKING)
  rmSync(making, { recursive: true, force: true })
  const { members } = await createNetwork({
    network: 'development', kind: 'development', directory: making, timeMs: Date.now(), cost: KEYSTORE_TEST_COST, parameters,
    members: Array.from({ length: count }, (_, i) => ({ name: nameOf(names, i), node: { host: '127.0.0.1', rpc: ports[3 * i]!, admin: ports[3 * i + 1]!, p2p: ports[3 * i + 2]! } })),
  })
  for (const { name } of members) renameSync(join(making, name), join(directory, name))
  renameSync(join(making, 'genesis.json'), join(directory, 'genesis.json'))
  rmSync(making, { recursive: true })
}

const nameOf = (names: readonly string[], i: number): string => names[i] ?? MEMBER_NAMES[i] ?? `member-${i + 1}`

/** Starts one node of a network made before; also the way to start a killed one again. */
export async function startNode(id: number, name: string, directory: string, signal?: AbortSignal): Promise<DevNode> {
  const folder = join(directory, name)
  const config = join(folder, 'config.yaml')
  const child = await startChild('node', ['start', '--config', config, '--json'], folder, { signal })
  const { rpc, metrics, p2p } = child.ready as { rpc: string; metrics: string; p2p: string[] }
  return { id, name, rpc, metrics, p2p: p2p[0] ?? '', pid: child.pid, data: loadConfig(config).dataDir, child, folder }
}
