import { toHex } from '../../primitives/bytes.ts'
import { signRequest } from '../../primitives/request.ts'
import type { RpcAuditEntry, RpcBlockSummary, RpcTxStatus } from '../../primitives/rpc-types.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { clientError } from '../errors.ts'
import type { RequestOptions, Subscription } from '../transports/transport.ts'

export interface WatchHandlers<T> {
  /** `cursor` resumes after this event in a later session. */
  readonly onEvent: (value: T, cursor: string) => void
  /** The watch has ended for good. A lost connection is not an end: it is renewed. */
  readonly onError: (error: unknown) => void
}

/** Follows new blocks, from `after` or from now on. */
export function watchHeaders(client: Client, handlers: WatchHandlers<RpcBlockSummary>, options: RequestOptions & { readonly after?: string } = {}): Promise<Subscription> {
  return subscribe(client, () => ({ topic: 'headers' }), handlers, options)
}

/** Follows transactions: their present status first, then every change. */
export function watchStatus(client: Client, ids: readonly Uint8Array[], handlers: WatchHandlers<RpcTxStatus>, options: RequestOptions = {}): Promise<Subscription> {
  return subscribe(client, () => ({ topic: 'txStatus', filter: { ids: ids.map(toHex) } }), handlers, options)
}

/** Follows the audit trail of the signing account (or of `subject`): every decision as it comes. Entries are as the node says; `listAudit` verifies. */
export function watchAudit(client: Client, handlers: WatchHandlers<RpcAuditEntry>, { account, subject, ...options }: SignedOptions & { readonly subject?: Uint8Array; readonly after?: string } = {}): Promise<Subscription> {
  const as = client.signer(account)
  const filter = { subject: toHex(subject ?? as.id) }
  const sign = (params: object): object => ({ ...params, auth: signRequest(client.chain.id, 'node_subscribe', params, as.id, as.signer, client.random.bytes(16), client.nowMs()) })
  return subscribe(client, () => ({ topic: 'audit', filter }), handlers, options, sign)
}

async function subscribe<T>(client: Client, topic: () => object, handlers: WatchHandlers<T>, { after, ...options }: RequestOptions & { readonly after?: string }, sign: (params: object) => object = (params) => params): Promise<Subscription> {
  if (client.transport.subscribe === undefined) throw clientError('CLIENT_NO_SUBSCRIPTIONS')
  const params = (last: string | undefined): object => {
    const from = last ?? after
    return sign({ ...topic(), ...(from !== undefined && { options: { after: from } }) })
  }
  return client.transport.subscribe(params, { onEvent: ({ value, cursor }) => handlers.onEvent(value as T, cursor), onError: handlers.onError }, options)
}
