import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { SteleError } from '../primitives/error.ts'

/** Below the ports that systems give to outgoing connections, which would otherwise take one between the choice and its use. */
const RANGE = { from: 10_000, to: 32_000 } as const
const ATTEMPTS_MAX = 200

/** Loopback ports that nobody listens on now, not in the range of outgoing connections. `DEV_PORT_IN_USE` when none is found. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = []
  try {
    for (let attempt = 0; servers.length < count; attempt++) {
      const server = await maybeListen(randomInt(RANGE.from, RANGE.to))
      if (server !== undefined) servers.push(server)
      else if (attempt >= ATTEMPTS_MAX) throw new SteleError({ code: 'DEV_PORT_IN_USE', message: 'no free ports are left', details: RANGE })
    }
    return servers.map((server) => (server.address() as { port: number }).port)
  } finally {
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  }
}

/** Throws `DEV_PORT_IN_USE` when someone listens on the port. */
export async function mustBeFree(port: number): Promise<void> {
  const server = await maybeListen(port)
  if (server === undefined) throw new SteleError({ code: 'DEV_PORT_IN_USE', message: 'a port is in use; choose another --port-base', details: { port } })
  await new Promise((done) => server.close(done))
}

function maybeListen(port: number): Promise<Server | undefined> {
  return new Promise((done) => {
    const server = createServer().once('error', () => done(undefined)).listen(port, '127.0.0.1', () => done(server))
  })
}
