import { Type } from 'typebox'
import { rpcError } from '../refuse.ts'
import { defineMethod } from '../registry.ts'
import type { CallContext, SubscriptionHost } from '../registry.ts'
import { SAMPLE } from '../samples.ts'
import { accountId, auth, oneOf, record, transactionId } from '../schema.ts'

const subscriptionId = Type.String({ pattern: '^[0-9a-f]{16}$', description: 'id of the subscription on this connection' })
const IDS_MAX = 256
const filter = record({
  ids: Type.Optional(Type.Array(transactionId, { minItems: 1, maxItems: IDS_MAX, description: 'for txStatus' })),
  subject: Type.Optional(accountId),
})

function hostOf(context: CallContext): SubscriptionHost {
  if (context.subscriptions === undefined) throw rpcError('RPC_METHOD_NOT_ENABLED', 'subscriptions need a WebSocket')
  return context.subscriptions
}
const wants = (path: string, message: string) => rpcError('RPC_PARAMS_INVALID', 'the filter does not fit the topic', { issues: [{ path: `/params/filter${path}`, message }] })

export const nodeSubscribe = defineMethod({
  name: 'node_subscribe',
  summary: 'Subscribes this WebSocket to headers, to the status of transactions, or to the audit trail of an account.',
  description: 'Pushes are notifications `node_subscription` with `subscription`, `result` and `cursor`. Give the last cursor seen as `options.after` to go on without gap or repeat. `audit` needs a signed request.',
  params: {
    topic: oneOf(['headers', 'txStatus', 'audit']), filter: Type.Optional(filter),
    options: Type.Optional(record({ after: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,128}$', description: 'cursor of the last push seen' })) })), auth: Type.Optional(auth),
  },
  result: subscriptionId,
  errors: ['RPC_METHOD_NOT_ENABLED', 'RPC_UNAUTHENTICATED', 'RPC_CURSOR_INVALID', 'RPC_SUBSCRIPTION_LIMIT'],
  examples: [{ name: 'headers from a cursor on', params: { topic: 'headers', options: { after: '1042' } }, result: '00c0ffee00c0ffee' }, { name: 'a transaction', params: { topic: 'txStatus', filter: { ids: [SAMPLE.transaction] } }, result: '00c0ffee00c0fff0' }],
  access: 'public',
  rateClass: 'read',
  handle: (_ports, { topic, filter: by = {}, options = {} }, context) => {
    const host = hostOf(context)
    const after = options.after ?? null
    if (topic === 'headers') {
      if (Object.keys(by).length > 0) throw wants('', 'headers take no filter')
      return host.subscribe({ kind: 'headers' }, after)
    }
    if (topic === 'txStatus') {
      if (by.ids === undefined || by.subject !== undefined) throw wants('/ids', 'txStatus takes the ids of transactions')
      return host.subscribe({ kind: 'txStatus', ids: by.ids }, after)
    }
    if (by.subject === undefined || by.ids !== undefined) throw wants('/subject', 'audit takes the account of the subject')
    if (context.caller === undefined) throw rpcError('RPC_UNAUTHENTICATED', 'an audit trail needs a signed request')
    return host.subscribe({ kind: 'audit', subject: by.subject, caller: context.caller }, after)
  },
})

export const nodeUnsubscribe = defineMethod({
  name: 'node_unsubscribe',
  summary: 'Ends a subscription of this WebSocket.',
  params: { subscription: subscriptionId },
  result: Type.Boolean(),
  errors: ['RPC_METHOD_NOT_ENABLED', 'RPC_SUBSCRIPTION_UNKNOWN'],
  examples: [{ name: 'end', params: { subscription: '00c0ffee00c0ffee' }, result: true }],
  access: 'public',
  rateClass: 'read',
  handle: (_ports, { subscription }, context) => {
    if (!hostOf(context).unsubscribe(subscription)) throw rpcError('RPC_SUBSCRIPTION_UNKNOWN', 'the connection has no such subscription')
    return true
  },
})
