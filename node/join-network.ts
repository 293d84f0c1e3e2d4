import { SteleError, errorCode } from '../primitives/error.ts'
import { PeerFault } from '../p2p/errors.ts'
import type { Network } from '../p2p/network.ts'
import { joinBySnapshot } from './snapshot-join.ts'
import type { JoinPorts } from './snapshot-join.ts'

/** How often a node that can do without asks for a snapshot before it goes on with what it has, and how long it waits between two tries, in ms. */
const TRIES_MAX = 8
const PAUSE_MS = 2_000
const SETTLE_MS = 200
const PROGRESS_MS = 5_000

export interface JoinNetworkPorts extends Omit<JoinPorts, 'sync' | 'peers' | 'blame' | 'onProgress'> {
  /** A network of its own: nothing of consensus is attached to it meanwhile. */
  readonly createNetwork: () => Promise<Network>
  /** Nothing else helps: ask for ever. */
  readonly required: boolean
  /** Says in words how far it is, for probes and `stele status`. */
  readonly onStep: (text: string) => void
}

/** Counts a wrong answer against its sender. */
export function blame(network: Network, node: number, code: string): void {
  network.peers.report(node, new PeerFault('P2P_ANSWER_WRONG', 'reject', 'a peer served a part of a snapshot that cannot be taken', { code }))
}

/** Joins by a snapshot over a network that is made for it and gone afterwards. Resolves with the height; undefined when there was none to take, or none was needed. */
export async function joinWithNetwork(ports: JoinNetworkPorts): Promise<number | undefined> {
  const { logger, signal, required } = ports
  const network = await ports.createNetwork()
  await network.start()
  const told = createProgress(ports)
  try {
    for (let tries = 1; ; tries++) {
      if (signal.aborted) throw new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true })
      try {
        const height = await joinBySnapshot({ ...ports, sync: network.sync, peers: () => network.roster.peers(), blame: (node, code) => blame(network, node, code), onProgress: told })
        if (height !== undefined) return height
      } catch (error) {
        if (signal.aborted) throw new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true })
        if (errorCode(error) === 'SNAPSHOT_NOT_NEEDED') return undefined
        // What the disk says ends the process; what others said wrong is asked again.
        if (!(error instanceof SteleError) || !/^(SNAPSHOT|P2P|CODEC|CERTIFICATE|HISTORY|PROOF)_/.test(error.code)) throw error
        logger.warn({ code: error.code, details: error.details, tries }, 'joining by snapshot did not succeed yet')
      }
      if (!required && tries >= TRIES_MAX) return undefined
      await pause(network, signal)
    }
  } finally {
    await network.stop()
  }
}

function createProgress({ logger, onStep }: JoinNetworkPorts): JoinPorts['onProgress'] {
  let toldMs = -Infinity
  return ({ height, parts, of, bytes, bytesOf }) => {
    const percent = Math.floor((100 * bytes) / Math.max(1, bytesOf))
    onStep(`sync: snapshot of height ${height}, ${percent} % of ${Math.ceil(bytesOf / 1024 / 1024)} MiB`)
    if (performance.now() - toldMs < PROGRESS_MS && parts < of) return
    toldMs = performance.now()
    logger.info({ height, parts, of, bytes, bytesOf, percent }, 'fetching a snapshot')
  }
}

/** Until it is worth asking again: a member connected, or some time passed. */
function pause(network: Network, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop()
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, PAUSE_MS)
    signal.addEventListener('abort', done)
    const known = new Set(network.peers.connectedNodes())
    const stop = network.peers.onConnection((node, connection) => {
      // A moment for the others that connect with it.
      if (connection !== undefined && !known.has(node)) setTimeout(done, SETTLE_MS)
    })
  })
}
