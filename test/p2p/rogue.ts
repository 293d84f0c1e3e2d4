import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLogger } from '../../primitives/ports.ts'
import { createHost } from '../../p2p/host.ts'
import type { Host } from '../../p2p/host.ts'
import { CHAIN, FAST, secretOf } from './cluster.ts'

/** A peer that keeps no rules: a bare host with the key of `seed`, without gate or protocols. */
export async function startRogue(seed: number, chain: Uint8Array = CHAIN): Promise<Host> {
  const host = await createHost({ secret: secretOf(seed), chain, p2p: FAST }, { gate: {}, logger: silentLogger })
  await host.start()
  return host
}

export async function dial(from: Host, to: Host): Promise<Connection> {
  return from.libp2p.dial(multiaddr(to.addresses()[0]!))
}

/** Resolves when the connection is closed, by whomever. */
export async function closed(connection: Connection): Promise<void> {
  if (connection.status !== 'open') return
  await new Promise<void>((resolve) => connection.addEventListener('close', () => resolve(), { once: true }))
}

/** Resolves to how the stream ended. */
export async function ended(stream: Stream): Promise<string> {
  if (stream.status === 'open') await new Promise<void>((resolve) => stream.addEventListener('close', () => resolve(), { once: true }))
  return stream.status
}
