import { SteleError } from '../../primitives/error.ts'
import { noMetrics, silentLogger } from '../../primitives/ports.ts'
import type { Clock, Logger } from '../../primitives/ports.ts'
import type { Caller, EventFeed, FeedItem, RpcPorts } from '../../rpc/ports.ts'
import type { RpcOptions } from '../../rpc/options.ts'
import { METHODS } from '../../rpc/methods/index.ts'
import { SAMPLE } from '../../rpc/samples.ts'
import { RpcServer } from '../../rpc/server.ts'
import type { TxStatus } from '../../rpc/shapes/transaction.ts'
import type { Block, BlockSummary, ChainHead } from '../../rpc/shapes/chain.ts'
import type { AuditEntry } from '../../rpc/shapes/access.ts'
import type { ClusterStatus, NodeInfo } from '../../rpc/shapes/cluster.ts'

export const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
export const PATIENT: Caller = { account: SAMPLE.patient, kind: 'patient', member: 1 }

/** Result of the first example of a method, as the fakes answer. */
export const sampleOf = <T>(name: keyof typeof METHODS): T => METHODS[name].examples[0]!.result as T

/** An endless feed over a list in memory: `append` wakes readers; cursors are the numbers of items. */
export class MemoryFeed<T> {
  readonly items: T[] = []
  readonly #waiting = new Set<() => void>()
  /** How many readers are inside the feed. */
  open = 0

  append(item: T): void {
    this.items.push(item)
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  follow(after: string | null, signal: AbortSignal): AsyncIterable<FeedItem<T>> {
    if (after !== null && !/^\d+$/.test(after)) throw new SteleError({ code: 'RPC_CURSOR_INVALID', message: 'the cursor is of another feed' })
    return this.#run(after === null ? this.items.length : Number(after) + 1, signal)
  }

  async *#run(from: number, signal: AbortSignal): AsyncGenerator<FeedItem<T>> {
    this.open++
    try {
      for (let next = from; !signal.aborted;) {
        if (next < this.items.length) {
          yield { cursor: String(next), value: this.items[next]! }
          next++
        } else {
          await new Promise<void>((resolve) => {
            this.#waiting.add(resolve)
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
        }
      }
    } finally {
      this.open--
    }
  }
}

export const notFound = (): never => { throw new SteleError({ code: 'RPC_NOT_FOUND', message: 'there is no such thing' }) }

/** Ports that answer with the registry's own examples; `requests` accepts only `auth` = SAMPLE.auth and answers as a patient. */
export function fakePorts(overrides: Partial<RpcPorts> = {}): RpcPorts & { readonly headers: MemoryFeed<BlockSummary>; readonly trail: MemoryFeed<AuditEntry> } {
  const headers = new MemoryFeed<BlockSummary>()
  const trail = new MemoryFeed<AuditEntry>()
  const pending = sampleOf<TxStatus>('tx_send')
  const list = (name: keyof typeof METHODS) => async () => {
    const { items, asOf } = sampleOf<{ items: never[]; asOf: { height: number; hash: string; term: number } }>(name)
    return { items, next: null, asOf }
  }
  const events: EventFeed = {
    headers: (after, signal) => headers.follow(after, signal),
    async *txStatus(ids) { for (const [i, id] of ids.entries()) yield { cursor: String(i), value: { ...pending, id } } },
    audit: (_subject, _caller, after, signal) => trail.follow(after, signal),
  }
  return {
    headers, trail, events,
    requests: { verify: async ({ auth }) => { if (auth !== SAMPLE.auth) throw new SteleError({ code: 'REQUEST_SIGNATURE_INVALID', message: 'the signature does not hold' }); return PATIENT } },
    reads: { linearizable: async () => undefined },
    transactions: { send: async () => pending, status: async () => sampleOf('tx_status'), wait: async () => sampleOf('tx_status'), receipt: async () => sampleOf('tx_receipt') },
    cancellations: { cancel: async () => sampleOf('tx_cancel') },
    chain: { info: async () => sampleOf('chain_info'), head: () => sampleOf<ChainHead>('chain_head'), block: async () => sampleOf<Block>('chain_block'), proof: async () => sampleOf('chain_proof'), proofs: async () => sampleOf('chain_proofs'), bundle: async () => sampleOf('chain_bundle'), memberLinks: () => sampleOf('chain_members'), keyOf: ({ id }) => id },
    identity: { account: async () => sampleOf('identity_account'), members: async () => sampleOf('identity_members') },
    consents: { list: list('consent_list') },
    records: { list: list('record_list'), history: list('record_history') },
    audit: { audit: list('access_audit'), permits: async () => sampleOf('access_permits') },
    vault: { begin: async () => sampleOf('vault_begin'), status: async () => sampleOf('vault_status'), putChunk: async () => undefined, getChunk: async () => new Uint8Array([1, 2, 3]), hashes: async () => sampleOf('vault_hashes'), commit: async () => sampleOf('vault_commit') },
    mailbox: { put: async () => undefined, get: async () => sampleOf('vault_mailbox_get'), delete: async () => true, list: async () => sampleOf<{ items: never[] }>('vault_mailbox_list').items },
    cluster: { status: async () => sampleOf<ClusterStatus>('cluster_status'), nodeInfo: () => sampleOf<NodeInfo>('node_info'), membership: () => sampleOf('cluster_membership'), evidence: () => sampleOf('cluster_evidence'), releaseCheck: async () => sampleOf('access_releaseCheck') },
    ...overrides,
  }
}

export interface LogLine { readonly level: string; readonly fields: object; readonly phrase: string }
export function memoryLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: object, phrase: string): void => { lines.push({ level, fields, phrase }) }
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export function createServer(options: Partial<RpcOptions> = {}, ports: RpcPorts = fakePorts(), logger: Logger = silentLogger): RpcServer {
  return new RpcServer({ port: 0, ...options }, { ports, logger, metrics: noMetrics, clock, version: '0.0.0-test' })
}

export interface Reply { readonly status: number; readonly body: unknown; readonly headers: Readonly<Record<string, unknown>> }

/** Sends raw text to POST /rpc without a socket. */
export async function inject(server: RpcServer, payload: string | Buffer, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await server.app.inject({ method: 'POST', url: '/rpc', payload, headers: { 'content-type': 'application/json', ...headers } })
  return { status: response.statusCode, body: response.body === '' ? undefined : JSON.parse(response.body) as unknown, headers: response.headers }
}

interface ErrorBody { readonly id: unknown; readonly error: { readonly code: number; readonly message: string; readonly data: { readonly code: string; readonly retryable: boolean; readonly retryAfterMs: number | null; readonly details: { path: string; message: string }[]; readonly traceId: string; readonly docs: string } } }
export const errorOf = (body: unknown): ErrorBody['error'] => (body as ErrorBody).error
/** Answers without `error.data`, as the examples of the specification show them. */
export function bare(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(bare)
  if (typeof body !== 'object' || body === null || !('error' in body)) return body
  const { code, message } = errorOf(body)
  return { ...body, error: { code, message } }
}
