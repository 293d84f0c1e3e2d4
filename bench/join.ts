import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_PARAMETERS } from '../primitives/genesis.ts'
import type { Cleanup } from './cleanup.ts'
import { contentBytes, sleep } from './measure.ts'
import { BenchNetwork } from './network.ts'
import { BATCHED, offerLoad } from './throughput.ts'
import { enrolments, openInstitutions } from './transactions.ts'

/** Seconds from the start of a new node's process until it stands at the height the others had then. */
export interface JoinFigures { readonly replaySeconds: number; readonly joinSeconds: number; readonly height: number; readonly snapshotMiB: number; readonly blocksAfter: number }

const NODES = 5
const WORKING = [0, 1, 2] as const
const [REPLAYS, JOINS] = [3, 4] as const
const SLICE_MAX = 10_000
/** Longest wait for the snapshot of a slice; the schedule may not have one due. */
const SNAPSHOT_MS_MAX = 15_000
/** So long must nothing have changed. */
const STILL_MS = 2_000
/** A ledger of this many transactions is what the default interval is measured with; a smaller one gets snapshots as often in proportion. */
const WHOLE = 1_000_000
const WAIT_MS_MAX = 2 * 60 * 60 * 1000

/**
 * Five members, of which three work. The other two come when `count` transactions stand in the ledger: first one that replays, then one that takes a snapshot. Each comes for the first time, so neither has anything to be refused for.
 */
export async function measureJoin(cleanup: Cleanup, count: number, say: (text: string) => void): Promise<JoinFigures> {
  const snapshotBytes = Math.max(256 * 1024, Math.round(DEFAULT_PARAMETERS.snapshotBytes * Math.min(1, count / WHOLE)))
  const network = await BenchNetwork.start(cleanup, NODES, { snapshotBytes })
  const institutions = await openInstitutions(network.directory)
  for (const index of [REPLAYS, JOINS]) await network.end(index, 'SIGTERM')
  const slice = Math.min(SLICE_MAX, Math.ceil(count / 10))
  for (let done = 0; done < count; done += slice) {
    await offerLoad(network, enrolments(institutions, Math.min(slice, count - done)), BATCHED, [...WORKING])
    // A history of this length is not written under full load throughout: the snapshots that are due are made before the next slice.
    await snapshotsMade(network)
    say(`join: ${Math.min(count, done + slice)} of ${count} transactions`)
  }
  const height = await network.height(0)
  await network.reached(height, [...WORKING])
  configure(network, REPLAYS, Number.MAX_SAFE_INTEGER)
  configure(network, JOINS, Math.ceil(height / 4))
  say('join: a node replays')
  const replaySeconds = await timeUntil(network, REPLAYS, height)
  await network.end(REPLAYS, 'SIGTERM')
  say('join: a node takes a snapshot')
  const joinSeconds = await timeUntil(network, JOINS, height)
  const first = await firstHeight(network, JOINS)
  const snapshots = join(network.nodes[JOINS]!.process.data, 'snapshots', String(first).padStart(16, '0'))
  return { replaySeconds, joinSeconds, height, snapshotMiB: contentBytes(snapshots) / 1024 / 1024, blocksAfter: height - first }
}

function configure(network: BenchNetwork, index: number, joinBehindBlocks: number): void {
  appendFileSync(join(network.nodes[index]!.process.folder, 'config.yaml'), `\nsnapshots:\n  joinBehindBlocks: ${joinBehindBlocks}\n`)
}

/** Resolves once no node has come to a newer snapshot for a while. */
async function snapshotsMade(network: BenchNetwork): Promise<void> {
  const newest = (): Promise<number[]> => Promise.all(WORKING.map(async (index) => (await network.nodes[index]!.client.call<{ readonly snapshotHeight: number }>('node_info', {})).snapshotHeight))
  const deadline = performance.now() + SNAPSHOT_MS_MAX
  for (let before = await newest(); performance.now() < deadline;) {
    await sleep(STILL_MS)
    const now = await newest()
    if (now.every((height, i) => height === before[i]) && new Set(now).size === 1) return
    before = now
  }
}

async function timeUntil(network: BenchNetwork, index: number, height: number): Promise<number> {
  const startedMs = performance.now()
  await network.restart(index)
  for (;;) {
    // While it installs a snapshot it answers that it is not ready.
    const now = await network.height(index).catch(() => 0)
    if (now >= height) return (performance.now() - startedMs) / 1000
    if (performance.now() - startedMs > WAIT_MS_MAX) throw new Error(`node ${index + 1} does not reach height ${height}`)
    await sleep(20)
  }
}

/** The lowest height whose block the node serves: that of the snapshot it began with. */
async function firstHeight(network: BenchNetwork, index: number): Promise<number> {
  const { client } = network.nodes[index]!
  let [low, high] = [1, await network.height(index)]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (await client.call('chain_block', { height: middle }).then(() => true, () => false)) high = middle
    else low = middle + 1
  }
  return low
}
