import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import type { Logger } from '../primitives/ports.ts'
import type { JsonRpcDispatcher } from './json-rpc.ts'
import type { RpcMetrics } from './metrics.ts'
import type { RpcOptions } from './options.ts'
import type { EventFeed } from './ports.ts'
import { SocketConnection } from './socket-connection.ts'

/** Close codes of RFC 6455: the node goes away; try again later. */
const GOING_AWAY = 1001
const TRY_LATER = 1013

export interface HubCollaborators {
  readonly dispatcher: JsonRpcDispatcher
  readonly events: EventFeed
  readonly metrics: RpcMetrics
  readonly logger: Logger
}

/** All WebSockets of the listener: admits them up to a limit, pings them, and closes them when the node stops. */
export class SocketHub {
  readonly #options: RpcOptions
  readonly #collaborators: HubCollaborators
  readonly #connections = new Set<SocketConnection>()
  #pinging: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: RpcOptions, collaborators: HubCollaborators) {
    this.#options = options
    this.#collaborators = collaborators
  }

  /** Adds the route `/ws`. */
  async register(app: FastifyInstance): Promise<void> {
    await app.register(websocket, { options: { maxPayload: this.#options.bodyBytesMax, perMessageDeflate: false } })
    app.get('/ws', { websocket: true }, (socket, request) => {
      if (this.#closed) return socket.close(GOING_AWAY, 'the node is shutting down')
      if (this.#connections.size >= this.#options.socketsMax) return socket.close(TRY_LATER, 'too many WebSockets')
      const connection = new SocketConnection(this.#options, { ...this.#collaborators, socket, remote: request.ip, changed: () => this.#measure() })
      this.#connections.add(connection)
      socket.on('close', () => {
        connection.dispose()
        this.#connections.delete(connection)
        this.#measure()
      })
      this.#pinging ??= setInterval(() => this.#ping(), this.#options.pingMs).unref()
      this.#measure()
    })
  }

  /** Tells every reader to go (1001). Safe to call twice. */
  close(): void {
    this.#closed = true
    clearInterval(this.#pinging)
    for (const connection of this.#connections) connection.close(GOING_AWAY, 'the node is shutting down')
  }

  #ping(): void {
    for (const connection of this.#connections) connection.ping()
  }

  #measure(): void {
    this.#collaborators.metrics.sockets(this.#connections.size)
    let subscriptions = 0
    for (const connection of this.#connections) subscriptions += connection.subscriptionCount
    this.#collaborators.metrics.subscriptions(subscriptions)
  }
}
