import { createHash, randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Caller, RpcPorts } from './ports.ts'
import type { RateLimiter } from './rate-limit.ts'
import { rpcError } from './refuse.ts'
import { CHUNK_BYTES_MAX } from './shapes/vault.ts'
import { rawStatusOf, sendTransportError } from './transport-errors.ts'
import type { Logger } from '../primitives/ports.ts'
import { isPublicError } from './error-map.ts'

/** Name of the header that signs a raw request; the same bytes as the `auth` parameter of a call. */
export const AUTH_HEADER = 'stele-auth'
const AUTH = /^(?:[0-9a-f]{2}){1,512}$/
const BLOB = /^[0-9a-f]{64}$/
const INDEX = /^(?:0|[1-9][0-9]{0,8})$/

export interface VaultRouteCollaborators {
  readonly ports: Pick<RpcPorts, 'requests' | 'vault'>
  readonly limiter: RateLimiter
  readonly logger: Logger
}

interface ChunkRoute { Params: { blob: string; index: string } }

/**
 * Chunks of ciphertext as plain octets. `PUT /vault/<blob>/<index>`: signed over method `PUT /vault/<blob>/<index>` and params `{sha256}` of
 * the body, answers 204. `GET`: signed over method `GET /vault/<blob>/<index>` and params `{}`, answers the octets.
 * What is plainly wrong is refused before a body is read.
 */
export function addVaultRoutes(app: FastifyInstance, { chunksOpenMax }: { readonly chunksOpenMax: number }, { ports, limiter, logger }: VaultRouteCollaborators): void {
  let open = 0
  const check = (request: FastifyRequest<ChunkRoute>): void => {
    limiter.take('bulk', request.ip)
    if (open >= chunksOpenMax) throw rpcError('RPC_OVERLOADED', 'too many chunks are on their way', { details: { retryAfterMs: 200 } })
    const { blob, index } = request.params
    if (!BLOB.test(blob) || !INDEX.test(index)) throw rpcError('RPC_CHUNK_INVALID', 'not the address of a chunk')
    const auth = request.headers[AUTH_HEADER]
    if (typeof auth !== 'string' || !AUTH.test(auth)) throw rpcError('RPC_UNAUTHENTICATED', 'chunks need a signed request in the header stele-auth')
    if (request.method === 'PUT' && request.headers['content-type'] !== 'application/octet-stream') throw rpcError('RPC_MEDIA_TYPE_UNSUPPORTED', 'chunks are application/octet-stream')
  }
  const callerOf = async (request: FastifyRequest<ChunkRoute>, params: object): Promise<Caller> => {
    const { blob, index } = request.params
    const caller = await ports.requests.verify({ method: `${request.method} /vault/${blob}/${index}`, params, auth: String(request.headers[AUTH_HEADER]) })
    limiter.take('bulk', caller.account)
    return caller
  }
  const guarded = (work: (request: FastifyRequest<ChunkRoute>, reply: FastifyReply) => Promise<FastifyReply>) => async (request: FastifyRequest<ChunkRoute>, reply: FastifyReply): Promise<FastifyReply> => {
    try {
      return await work(request, reply)
    } catch (error) {
      const traceId = randomBytes(16).toString('hex')
      if (!isPublicError(error)) logger.error({ event: 'rpc-chunk', traceId, error }, 'chunk request failed inside the node')
      return sendTransportError(reply, error, traceId, rawStatusOf)
    }
  }
  const onRequest = (request: FastifyRequest<ChunkRoute>, reply: FastifyReply, done: (error?: Error) => void): void => {
    try {
      check(request)
    } catch (error) {
      sendTransportError(reply, error, randomBytes(16).toString('hex'), rawStatusOf)
      return
    }
    open++
    // Comes once for every response, also when the client goes in the middle.
    reply.raw.once('close', () => { open-- })
    done()
  }

  app.put<ChunkRoute>('/vault/:blob/:index', { onRequest, bodyLimit: CHUNK_BYTES_MAX }, guarded(async (request, reply) => {
    const { body } = request
    if (!(body instanceof Uint8Array) || body.length === 0) throw rpcError('RPC_CHUNK_INVALID', 'the chunk is empty')
    const caller = await callerOf(request, { sha256: createHash('sha256').update(body).digest('hex') })
    await ports.vault.putChunk(request.params.blob, Number(request.params.index), body, caller)
    return reply.code(204).send()
  }))
  app.get<ChunkRoute>('/vault/:blob/:index', { onRequest }, guarded(async (request, reply) => {
    const caller = await callerOf(request, {})
    const chunk = await ports.vault.getChunk(request.params.blob, Number(request.params.index), caller)
    return reply.header('content-type', 'application/octet-stream').header('cache-control', 'no-store').send(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
  }))
}
