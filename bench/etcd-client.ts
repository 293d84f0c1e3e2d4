import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { randomBytes } from 'node:crypto'
import { LoadClient } from './load.ts'

/** Puts one key; resolves once etcd has committed it. */
export interface EtcdClient { put(): Promise<void>; close(): void }

/** Bytes of a put: a key of its own each, and a value as long as a signed transaction of the benchmark. */
export const ETCD_VALUE_BYTES = 330
const KEY_BYTES = 16

/** Over etcd's HTTP gateway, JSON as in our own RPC: the same client, the same protocol. */
export class GatewayClient implements EtcdClient {
  readonly #client: LoadClient
  readonly #value = randomBytes(ETCD_VALUE_BYTES).toString('base64')

  constructor(url: string, connections: number) {
    this.#client = new LoadClient(url, connections, '/v3/kv/put')
  }

  async put(): Promise<void> {
    const { header } = JSON.parse(await this.#client.post(`{"key":"${randomBytes(KEY_BYTES).toString('base64')}","value":"${this.#value}"}`)) as { header?: unknown }
    if (header === undefined) throw new Error('etcd refused a put')
  }

  close(): void { this.#client.close() }
}

/** Over gRPC, etcd's own protocol, which costs its servers the least. One HTTP/2 session. */
export class GrpcClient implements EtcdClient {
  readonly #session: ClientHttp2Session
  readonly #frame: Buffer

  constructor(url: string) {
    this.#session = connect(url, { settings: { enablePush: false } })
    this.#session.setMaxListeners(0)
    // PutRequest {1: key, 2: value} behind gRPC's five bytes: not compressed, length. The key is overwritten for every put.
    const value = randomBytes(ETCD_VALUE_BYTES)
    const message = Buffer.concat([Buffer.from([0x0a, KEY_BYTES]), Buffer.alloc(KEY_BYTES), Buffer.from([0x12, (value.length & 0x7f) | 0x80, value.length >> 7]), value])
    this.#frame = Buffer.concat([Buffer.alloc(5), message])
    this.#frame.writeUInt32BE(message.length, 1)
  }

  put(): Promise<void> {
    return new Promise((resolve, reject) => {
      const frame = Buffer.from(this.#frame)
      randomBytes(KEY_BYTES).copy(frame, 7)
      const stream = this.#session.request({ ':method': 'POST', ':path': '/etcdserverpb.KV/Put', 'content-type': 'application/grpc', te: 'trailers' })
      let status: unknown
      stream.on('response', (headers) => { status ??= headers['grpc-status'] })
      stream.on('trailers', (headers) => { status ??= headers['grpc-status'] })
      stream.on('error', reject)
      stream.on('close', () => { if (status === '0') resolve(); else reject(new Error(`etcd refused a put: gRPC status ${String(status)}`)) })
      stream.resume()
      stream.end(frame)
    })
  }

  close(): void { this.#session.close() }
}

export interface EtcdThroughput { readonly perSecond: number; /** CPU seconds of this load generator per 1,000 puts. */ readonly generatorCpu: number }

/** Keeps `openPerClient` puts open on each client for so many seconds; each that was answered in time counts. */
export async function putThroughput(clients: readonly EtcdClient[], openPerClient: number, seconds: number): Promise<EtcdThroughput> {
  const cpu = process.cpuUsage()
  const started = performance.now()
  const end = started + seconds * 1000
  let count = 0
  await Promise.all(clients.flatMap((client) => Array.from({ length: openPerClient }, async () => {
    while (performance.now() < end) {
      await client.put()
      if (performance.now() <= end) count++
    }
  })))
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: count / seconds, generatorCpu: (user + system) / 1000 / count }
}
