import { Type } from 'typebox'
import type { Static } from 'typebox'

/** Largest answer to one HTTP request or WebSocket frame, in bytes. */
export const RESPONSE_BYTES_MAX = 10 * 1024 * 1024

/** An answer this small, in bytes, is given even while `answerBytesMax` are held: whoever holds them cannot silence the node. */
export const ANSWER_SMALL_BYTES = 16 * 1024

const positive = (description: string, fallback: number) => Type.Integer({ minimum: 1, description, default: fallback })
const rate = (what: string, fallback: number) => positive(`${what} per second and caller; too small refuses honest bursts, too large lets one caller starve the rest`, fallback)

/** Settings of the public listener. Times in ms, sizes in bytes. */
export const rpcOptions = Type.Object({
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on; anything but loopback needs `tls` or `allowInsecure`' }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, default: 8545, description: '0 lets the system choose' }),
  allowInsecure: Type.Boolean({ default: false, description: 'listen beyond loopback without TLS; only inside a network that is yours alone' }),
  tls: Type.Optional(Type.Object({
    key: Type.String({ description: 'private key, PEM' }),
    certificate: Type.String({ description: 'certificate chain, PEM' }),
    clientAuthority: Type.Optional(Type.String({ description: 'PEM of the authority whose client certificates are admitted; without it any client may connect' })),
  }, { additionalProperties: false })),
  allowedHosts: Type.Array(Type.String(), { default: [], description: 'names in the Host header that are served besides loopback ones; a listener beyond loopback serves all when this is empty' }),
  allowedOrigins: Type.Array(Type.String(), { default: [], description: 'web origins that may call from a browser, exact; none by default' }),
  bodyBytesMax: positive('request body; too small refuses batches, too large lets a caller fill memory', 1024 * 1024),
  batchMax: positive('calls in one batch', 100),
  batchConcurrency: positive('calls of one batch that run at once; too large lets one batch starve the rest', 64),
  callTimeoutMs: positive('time one call may take when its method sets no other', 10_000),
  openCallsMax: positive('calls in progress on the whole listener, then 503; too small refuses bursts, too large lets memory grow', 10_000),
  answerBytesMax: positive('bytes of answers that were made and not yet taken, on the whole listener, then `RPC_OVERLOADED`; too small refuses large answers, too large lets callers that do not read fill memory', 128 * 1024 * 1024),
  chunksOpenMax: positive('vault chunks on their way in or out at once, 1 MiB of memory each, then 503', 64),
  connectionsMax: positive('open connections; beyond them the one idle for the longest is closed for a new one', 2_048),
  connectionsPerAddressMax: positive('open connections of one address; too small refuses a proxy, too large lets one caller take all places (256 beyond loopback)', 2_048),
  headersTimeoutMs: positive('time to receive the headers of a request, and to begin the first one; too large invites slow senders', 10_000),
  requestTimeoutMs: positive('time to receive one request; too large invites slow senders', 30_000),
  keepAliveMs: positive('idle time before a kept connection is closed', 60_000),
  requestsPerSecond: rate('HTTP requests per address', 20_000),
  rates: Type.Object({ read: rate('reads', 20_000), write: rate('writes', 20_000), heavy: rate('heavy calls', 2_000), bulk: rate('chunks', 20_000) }, { additionalProperties: false, default: { read: 20_000, write: 20_000, heavy: 2_000, bulk: 20_000 } }),
  socketsMax: positive('open WebSockets', 512),
  subscriptionsPerSocket: positive('subscriptions on one WebSocket', 32),
  socketQueueBytesMax: positive('bytes waiting for one WebSocket; a full queue holds the feed back', 1024 * 1024),
  socketLagMs: positive('time a full queue may stay full before the reader is told it lags and closed; too small drops slow readers, too large holds memory', 5_000),
  pingMs: positive('interval of WebSocket pings; a reader that misses one is closed', 30_000),
  specificationExamples: Type.Boolean({ default: false, description: 'serve the methods that the examples of the JSON-RPC specification call (subtract, sum, …), to check conformance on a running node' }),
}, { additionalProperties: false })
export type RpcOptions = Static<typeof rpcOptions>

/** Settings of the second listener: health and metrics. */
export const healthOptions = Type.Object({
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on; anything but loopback needs `allowInsecure`' }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, default: 8546 }),
  allowInsecure: Type.Boolean({ default: false, description: 'listen beyond loopback; metrics show traffic volumes' }),
  lagMax: positive('entries committed but not applied before the node is not ready', 100),
  finalityLagMsMax: positive('age of the oldest block without certificate before the node is not ready', 30_000),
  freeBytesMin: positive('free disk space below which the node is not ready', 256 * 1024 * 1024),
}, { additionalProperties: false })
export type HealthOptions = Static<typeof healthOptions>

export const DEFAULT_RPC_OPTIONS: RpcOptions = {
  host: '127.0.0.1', port: 8545, allowInsecure: false, allowedHosts: [], allowedOrigins: [], bodyBytesMax: 1024 * 1024, batchMax: 100, batchConcurrency: 64,
  callTimeoutMs: 10_000, openCallsMax: 10_000, answerBytesMax: 128 * 1024 * 1024, chunksOpenMax: 64, connectionsMax: 2_048, connectionsPerAddressMax: 2_048, headersTimeoutMs: 10_000, requestTimeoutMs: 30_000, keepAliveMs: 60_000, requestsPerSecond: 20_000,
  rates: { read: 20_000, write: 20_000, heavy: 2_000, bulk: 20_000 }, socketsMax: 512, subscriptionsPerSocket: 32, socketQueueBytesMax: 1024 * 1024,
  socketLagMs: 5_000, pingMs: 30_000, specificationExamples: false,
}
/**
 * Limits per caller beyond loopback, where callers are strangers: a node serves about 20,000 calls a second, and one address shall not take them all.
 * Behind a proxy all callers share its address, so an operator raises them there.
 */
const BEYOND_LOOPBACK = { requestsPerSecond: 1_000, connectionsPerAddressMax: 256 } as const

/** Rates of all classes where one caller may send `perSecond` requests: heavy calls cost about ten times as much. */
export const ratesOf = (perSecond: number): RpcOptions['rates'] => ({ read: perSecond, write: perSecond, heavy: Math.ceil(perSecond / 10), bulk: perSecond })

/** The defaults for a listener at this host. */
export function defaultsFor(host: string): RpcOptions {
  return isLoopback(host) ? DEFAULT_RPC_OPTIONS : { ...DEFAULT_RPC_OPTIONS, ...BEYOND_LOOPBACK, rates: ratesOf(BEYOND_LOOPBACK.requestsPerSecond) }
}

export const DEFAULT_HEALTH_OPTIONS: HealthOptions = { host: '127.0.0.1', port: 8546, allowInsecure: false, lagMax: 100, finalityLagMsMax: 30_000, freeBytesMin: 256 * 1024 * 1024 }

/** True of addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host) || /^::ffff:127(?:\.\d{1,3}){3}$/.test(host)
}
