/**
 * What do libp2p, Noise and yamux cost against a bare TCP socket, both on loopback in this process in the same run?
 * Run: `node bench/p2p.ts`. Both ends share one thread, so figures are per core doing both sides; the ratios are what to watch.
 * Last result (2026-11-21, 2 shared cores, medians): raft round trip 182 µs (TCP 26), request 247 µs, gossip of 16 KiB to the last of 3 members
 * 758 µs, append 127 MB/s and stream 123 MB/s (TCP 726). Before libsodium in Noise and one write per message: 228 µs, 24 to 84 MB/s, gossip 6 ms.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { createSigner } from '../primitives/signature.ts'
import { noMetrics, silentLogger } from '../primitives/ports.ts'
import { createNetwork } from '../p2p/network.ts'
import type { Network } from '../p2p/network.ts'
import { DEFAULT_P2P } from '../p2p/options.ts'
import type { PeerRecord } from '../p2p/roster.ts'

const NODES = 4
const ROUNDS = 3
const PINGS = 1_500
const BLOCKS = 120
const BLOCK_BYTES = 1024 * 1024
const GOSSIPS = 300
const GOSSIP_BYTES = 16 * 1024
const CHAIN = new Uint8Array(32).fill(1)

interface Line { readonly name: string; readonly unit: string; readonly own: number; readonly raw: number; readonly more: string }

const networks = await startNetworks()
const [one, two] = networks as [Network, Network, ...Network[]]
const raw = await rawPair()
const lines: Line[] = []
const rtts = { own: [] as number[], raw: [] as number[], sync: [] as number[] }
const speeds = { own: [] as number[], raw: [] as number[], stream: [] as number[] }
const gossips: number[] = []

two.sync.handle('echo', async (_from, body) => body)
two.sync.handle('blocks', async function* () { for (let i = 0; i < BLOCKS; i++) yield new Uint8Array(BLOCK_BYTES) })
// Alternating rounds, so that both sides meet the same moods of the machine.
for (let round = 0; round < ROUNDS; round++) {
  rtts.raw.push(...await rawPings())
  rtts.own.push(...await raftPings())
  rtts.sync.push(...await syncPings())
  speeds.raw.push(await rawBlocks())
  speeds.own.push(await raftBlocks())
  speeds.stream.push(await syncBlocks())
  gossips.push(...await gossipRounds(round))
}
const p = (values: readonly number[], q: number): number => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)]!
const spread = (values: readonly number[]): string => `p99 ${p(values, 0.99).toFixed(0)} µs`
lines.push(
  { name: 'raft control round trip, 100 B', unit: 'µs', own: p(rtts.own, 0.5), raw: p(rtts.raw, 0.5), more: spread(rtts.own) },
  { name: 'sync request and answer, 100 B', unit: 'µs', own: p(rtts.sync, 0.5), raw: p(rtts.raw, 0.5), more: spread(rtts.sync) },
  { name: `gossip to ${NODES - 1} members, ${GOSSIP_BYTES / 1024} KiB, to the last`, unit: 'µs', own: p(gossips, 0.5), raw: p(rtts.raw, 0.5), more: spread(gossips) },
  { name: 'raft append, 1 MiB frames', unit: 'MB/s', own: p(speeds.own, 0.5), raw: p(speeds.raw, 0.5), more: '' },
  { name: 'sync stream, 1 MiB items', unit: 'MB/s', own: p(speeds.stream, 0.5), raw: p(speeds.raw, 0.5), more: '' },
)
for (const { name, unit, own, raw: reference, more } of lines) console.log(`${name.padEnd(48)} ${own.toFixed(0).padStart(6)} ${unit.padEnd(5)} tcp ${reference.toFixed(0).padStart(6)} ${unit.padEnd(5)} ratio ${(own / reference).toFixed(2).padStart(6)}  ${more}`)
raw.stop()
await Promise.all(networks.map((network) => network.stop()))

async function startNetworks(): Promise<Network[]> {
  const secrets = Array.from({ length: NODES }, (_, i) => new Uint8Array(32).fill(i + 1))
  const records = (addresses: readonly (readonly string[])[]): PeerRecord[] => secrets.map((secret, i) => ({ node: i + 1, member: i + 1, transportKey: createSigner(secret).publicKey, addresses: addresses[i] ?? [] }))
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)), jitter: (below: number) => Math.floor(Math.random() * below) }
  const made = await Promise.all(secrets.map((secret, i) => createNetwork({ chain: CHAIN, self: i + 1, secret, members: records([]), p2p: DEFAULT_P2P }, { logger: silentLogger, metrics: noMetrics, clock, random })))
  await Promise.all(made.map((network) => network.start()))
  const members = records(made.map((network) => network.host.addresses()))
  for (const network of made) {
    network.gossip.subscribe('tx', async () => 'accept')
    network.roster.update(members)
  }
  while (made.some((network) => network.raft.reachable().length < NODES - 1 || network.gossip.subscribers('tx').length < NODES - 1)) await new Promise((resolve) => setTimeout(resolve, 10))
  return made
}

async function rawPair(): Promise<{ client: Socket; server: Socket; stop(): void }> {
  const listener = createServer({ noDelay: true }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const accepted = once(listener, 'connection')
  const client = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true })
  const [server] = await accepted as [Socket]
  return { client, server, stop: () => { client.destroy(); server.destroy(); listener.close() } }
}

/** Times of `count` turns of `turn`, in µs. */
async function timed(count: number, turn: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const startMs = performance.now()
    await turn()
    times.push((performance.now() - startMs) * 1000)
  }
  return times
}

function megabytesPerSecond(startMs: number): number {
  return (BLOCKS * BLOCK_BYTES) / 1e6 / ((performance.now() - startMs) / 1000)
}

async function rawPings(): Promise<number[]> {
  const echo = (data: Buffer): void => { raw.server.write(data) }
  raw.server.on('data', echo)
  const ping = Buffer.alloc(100)
  const times = await timed(PINGS, () => { raw.client.write(ping); return once(raw.client, 'data') })
  raw.server.off('data', echo)
  return times
}

async function raftPings(): Promise<number[]> {
  const ping = new Uint8Array(100)
  let back: () => void = () => undefined
  two.raft.onMessage((from, channel, frame) => { two.raft.send(from, channel, frame) })
  one.raft.onMessage(() => back())
  return timed(PINGS, () => new Promise<void>((resolve) => { back = resolve; one.raft.send(2, 'control', ping) }))
}

async function syncPings(): Promise<number[]> {
  const ping = new Uint8Array(100)
  return timed(PINGS, () => one.sync.request(2, 'echo', ping))
}

async function rawBlocks(): Promise<number> {
  const block = Buffer.alloc(BLOCK_BYTES)
  const startMs = performance.now()
  let received = 0
  const done = new Promise<void>((resolve) => raw.server.on('data', function count(data) {
    received += data.length
    if (received < BLOCKS * BLOCK_BYTES) return
    raw.server.off('data', count)
    resolve()
  }))
  for (let i = 0; i < BLOCKS; i++) if (!raw.client.write(block)) await once(raw.client, 'drain')
  await done
  return megabytesPerSecond(startMs)
}

async function raftBlocks(): Promise<number> {
  const block = new Uint8Array(BLOCK_BYTES)
  const startMs = performance.now()
  let received = 0
  const done = new Promise<void>((resolve) => two.raft.onMessage(() => { if (++received === BLOCKS) resolve() }))
  for (let sent = 0; sent < BLOCKS;) {
    if (one.raft.queuedBytes(2, 'append') < 8 * BLOCK_BYTES && one.raft.send(2, 'append', block)) sent++
    else await new Promise((resolve) => setImmediate(resolve))
  }
  await done
  return megabytesPerSecond(startMs)
}

async function syncBlocks(): Promise<number> {
  const startMs = performance.now()
  for await (const item of one.sync.stream(2, 'blocks', new Uint8Array())) if (item.length !== BLOCK_BYTES) throw new Error('a block is not whole')
  return megabytesPerSecond(startMs)
}

/** Time from publishing to the last member's having it. */
async function gossipRounds(round: number): Promise<number[]> {
  let arrived = 0
  let all: () => void = () => undefined
  for (const network of networks.slice(1)) {
    network.gossip.subscribe('tx', async () => {
      if (++arrived % (NODES - 1) === 0) all()
      return 'accept'
    })
  }
  let number = 0
  return timed(GOSSIPS, () => new Promise<void>((resolve, reject) => {
    all = resolve
    const data = new Uint8Array(GOSSIP_BYTES)
    new DataView(data.buffer).setUint32(0, round * GOSSIPS + number++)
    one.gossip.publish('tx', data).catch(reject)
  }))
}
