import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Clock, Logger, MetricsRegister, Random } from '../../primitives/ports.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { createNetwork } from '../../p2p/network.ts'
import type { Network } from '../../p2p/network.ts'
import { DEFAULT_P2P } from '../../p2p/options.ts'
import type { P2pOptions } from '../../p2p/options.ts'
import type { PeerRecord } from '../../p2p/roster.ts'

export const CHAIN = new Uint8Array(32).fill(0xc1)
export const OTHER_CHAIN = new Uint8Array(32).fill(0xc2)

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
export const seededRandom: Random = { bytes: (length) => new Uint8Array(length).fill(7), jitter: (below) => Math.floor(below / 2) }

/** Settings with short waits. */
export const FAST: P2pOptions = { ...DEFAULT_P2P, backoffMsMin: 20, backoffMsMax: 200, higherIdDelayMs: 100, stableMs: 200, banMs: 100, gossip: { ...DEFAULT_P2P.gossip, heartbeatMs: 100 } }

/** Counts by `name{label values}`. */
export function countingMetrics(): { readonly register: MetricsRegister; count(key: string): number; readonly counts: ReadonlyMap<string, number> } {
  const counts = new Map<string, number>()
  const add = (name: string, labels: Record<string, string> = {}, value = 1): void => {
    const key = [name.replace(/^stele_p2p_/, ''), ...Object.values(labels)].join(' ')
    counts.set(key, (counts.get(key) ?? 0) + value)
  }
  return {
    counts,
    count: (key) => counts.get(key) ?? 0,
    register: {
      counter: (name) => ({ inc: (labels, value) => add(name, labels, value) }),
      gauge: () => ({ set() {} }),
      histogram: () => ({ observe() {} }),
    },
  }
}

export function secretOf(seed: number): Uint8Array {
  return new Uint8Array(32).fill(seed)
}

export async function publicKeyOf(seed: number): Promise<Uint8Array> {
  return (await generateKeyPairFromSeed('Ed25519', secretOf(seed))).publicKey.raw
}

export interface TestNode { readonly node: number; readonly network: Network; readonly metrics: ReturnType<typeof countingMetrics> }

export interface NodeSettings {
  readonly node: number
  readonly members: readonly PeerRecord[]
  readonly chain?: Uint8Array
  readonly seed?: number
  readonly p2p?: Partial<P2pOptions>
  readonly logger?: Logger
}

export async function createNode({ node, members, chain = CHAIN, seed = node, p2p = {}, logger = silentLogger }: NodeSettings): Promise<TestNode> {
  const metrics = countingMetrics()
  const network = await createNetwork({ chain, self: node, secret: secretOf(seed), members, p2p: { ...FAST, ...p2p } }, { logger, metrics: metrics.register, clock: systemClock, random: seededRandom })
  return { node, network, metrics }
}

export async function recordOf(node: number, addresses: readonly string[], seed = node): Promise<PeerRecord> {
  return { node, member: node, transportKey: await publicKeyOf(seed), addresses }
}

/** `count` started nodes, 1 to count, each on a free port, that know each other's addresses. */
export async function startCluster(count: number, settings: Partial<NodeSettings> = {}): Promise<TestNode[]> {
  const ids = Array.from({ length: count }, (_, i) => i + 1)
  const unaddressed = await Promise.all(ids.map((node) => recordOf(node, [])))
  const nodes = await Promise.all(ids.map((node) => createNode({ ...settings, node, members: unaddressed })))
  await Promise.all(nodes.map(({ network }) => network.start()))
  const members = await membersOf(nodes)
  for (const { network } of nodes) network.roster.update(members)
  return nodes
}

export async function membersOf(nodes: readonly TestNode[]): Promise<PeerRecord[]> {
  return Promise.all(nodes.map(({ node, network }) => recordOf(node, network.host.addresses())))
}

/** Resolves when every node can talk to every other. */
export async function allReachable(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map(({ network }) => until((again) => network.raft.onPeerChange(again), () => network.raft.reachable().length === nodes.length - 1)))
}

/** Resolves when `holds`; asks again at each event that `subscribe` reports. */
export async function until(subscribe: (again: () => void) => void, holds: () => boolean): Promise<void> {
  if (holds()) return
  await new Promise<void>((resolve) => subscribe(() => { if (holds()) resolve() }))
}

/** Resolves when `holds`, for conditions that no event announces; asks every 5 ms. The test's own time-out is the limit. */
export async function poll(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

export async function stopAll(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map(({ network }) => network.stop()))
}
