import { noise } from '@chainsafe/libp2p-noise'
import { gossipsub } from '@libp2p/gossipsub'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Logger } from '../primitives/ports.ts'
import { parseAddress } from './addresses.ts'
import { p2pError } from './errors.ts'
import { gossipSettings } from './gossip-settings.ts'
import { transportKeyPair } from './identity.ts'
import { libp2pLogger } from './libp2p-logger.ts'
import { noiseCrypto } from './noise-crypto.ts'
import { withoutFrameErrors } from './noise-frames.ts'
import { oneWritePerMessage } from './one-write.ts'
import type { P2pOptions } from './options.ts'
import { updateWindowsRarely } from './yamux-windows.ts'

/** Both ends of a stream start with this window, so a whole block travels without waiting for a window update. */
const STREAM_WINDOW_BYTES = 2 * 1024 * 1024

type NoiseComponents = Parameters<ReturnType<typeof noise>>[0]
export type Libp2pHost = Libp2p<{ identify: Identify; pubsub: GossipSub }>

export interface HostOptions {
  /** Ed25519 seed, 32 bytes. */
  readonly secret: Uint8Array
  readonly chain: Uint8Array
  readonly p2p: P2pOptions
}

/** A libp2p node with TCP, Noise and yamux, and nothing that looks for peers by itself: no discovery, no relay, no DHT, no address book. */
export interface Host {
  readonly libp2p: Libp2pHost
  readonly peerId: string
  /** Addresses it listens on, each ending in `/p2p/<peer id>`; empty unless started. */
  addresses(): string[]
  /** Resolves when it listens. `P2P_LISTEN_FAILED` when an address cannot be opened. */
  start(): Promise<void>
  /** Resolves when all connections and listeners are closed. */
  stop(): Promise<void>
}

export async function createHost(options: HostOptions, { gate, logger }: { readonly gate: ConnectionGater; readonly logger: Logger }): Promise<Host> {
  updateWindowsRarely(STREAM_WINDOW_BYTES)
  const listen = options.p2p.listen.map(parseAddress)
  const libp2p = await createLibp2p(libp2pInit(await transportKeyPair(options.secret), options, gate, logger))
  let state: 'stopped' | 'started' = 'stopped'
  return {
    libp2p,
    peerId: libp2p.peerId.toString(),
    addresses: () => libp2p.getMultiaddrs().map(String),
    async start() {
      if (state === 'started') return
      try {
        await libp2p.start()
      } catch (cause) {
        throw p2pError('P2P_LISTEN_FAILED', 'the network listener could not open its address', { listen: listen.map(String) }, cause)
      }
      state = 'started'
    },
    async stop() {
      if (state === 'stopped') return
      state = 'stopped'
      await libp2p.stop()
    },
  }
}

function libp2pInit(privateKey: PrivateKey, { chain, p2p }: HostOptions, gate: ConnectionGater, logger: Logger) {
  return {
    privateKey,
    start: false,
    addresses: { listen: [...p2p.listen] },
    logger: libp2pLogger(logger),
    connectionGater: gate,
    // The agent version is told to peers only; it names no software version beyond the protocol's.
    nodeInfo: { name: 'stele', version: '1', userAgent: 'stele/1' },
    transports: [tcp({ maxConnections: p2p.connectionsMax })],
    connectionProtector: oneWritePerMessage,
    connectionEncrypters: [(components: NoiseComponents) => withoutFrameErrors(noise({ crypto: noiseCrypto })(components))],
    streamMuxers: [yamux({
      maxInboundStreams: 128,
      maxOutboundStreams: 128,
      streamOptions: { initialStreamWindowSize: STREAM_WINDOW_BYTES, maxStreamWindowSize: 2 * STREAM_WINDOW_BYTES, maxReadBufferLength: 3 * STREAM_WINDOW_BYTES },
    })],
    connectionManager: {
      maxConnections: p2p.connectionsMax,
      maxIncomingPendingConnections: Math.ceil(p2p.connectionsMax / 2),
      inboundConnectionThreshold: p2p.inboundPerSecondMax,
      inboundUpgradeTimeout: p2p.handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: p2p.handshakeTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: p2p.handshakeTimeoutMs,
      dialTimeout: p2p.dialTimeoutMs,
      addressDialTimeout: p2p.dialTimeoutMs,
      reconnectRetries: 0,
      resolvers: {},
    },
    connectionMonitor: { pingInterval: p2p.probeIntervalMs, pingTimeout: { minTimeout: p2p.probeTimeoutMs, maxTimeout: 2 * p2p.probeTimeoutMs } },
    services: { identify: identify(), pubsub: gossipsub(gossipSettings(chain, p2p.gossip)) },
  }
}
