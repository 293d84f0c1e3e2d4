import type { Clock, Logger } from '../primitives/ports.ts'
import type { Host } from './host.ts'
import type { P2pMetrics } from './metrics.ts'
import type { SyncOptions } from './options.ts'
import type { Peers } from './peers.ts'
import { SYNC_PROTOCOL, SyncClient } from './sync-client.ts'
import type { RequestOptions } from './sync-client.ts'
import { SyncServer } from './sync-server.ts'
import type { RequestHandler } from './sync-server.ts'

export interface SyncProtocolCollaborators {
  readonly host: Host
  readonly peers: Peers
  readonly metrics: P2pMetrics
  readonly logger: Logger
  readonly clock: Clock
}

/** Streams of one peer at most; one request runs on each. */
const STREAMS_MAX = 96

/** Requests between nodes: ledger entries for repair, blobs, signed heads, forwarded transactions, cluster status. Both sides of it. */
export class SyncProtocol {
  readonly #host: Host
  readonly #client: SyncClient
  readonly #server: SyncServer
  #running = false

  constructor(options: { readonly sync: SyncOptions; readonly chain: Uint8Array; readonly self: number }, collaborators: SyncProtocolCollaborators) {
    this.#host = collaborators.host
    this.#client = new SyncClient(options, collaborators)
    this.#server = new SyncServer(options, collaborators)
  }

  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    this.#client.start()
    await this.#host.libp2p.handle(SYNC_PROTOCOL, (stream, connection) => this.#server.accept(stream, connection), { maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX })
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    await this.#host.libp2p.unhandle(SYNC_PROTOCOL)
    this.#client.stop()
    this.#server.stop()
  }

  /** Sets who answers `method`; any time. */
  handle(method: string, handler: RequestHandler): void { this.#server.handle(method, handler) }

  /** See `SyncClient.request`. */
  request(node: number, method: string, body: Uint8Array, options?: RequestOptions): Promise<Uint8Array> { return this.#client.request(node, method, body, options) }

  /** See `SyncClient.stream`. */
  stream(node: number, method: string, body: Uint8Array, options?: Omit<RequestOptions, 'maxBytes'>): AsyncIterable<Uint8Array> { return this.#client.stream(node, method, body, options) }
}
