import type { MetricsRegister } from '../primitives/ports.ts'

/** Buckets in seconds: a read answers in well under 1 ms, a wait for finality may take a minute. */
const SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60] as const

/** Metrics of the public listener. Labels are names of the registry and codes of the error tables, so their number is bounded. */
export function createRpcMetrics(register: MetricsRegister) {
  const requests = register.counter('stele_rpc_requests_total', 'Calls answered, by method and outcome code', ['method', 'code'])
  const duration = register.histogram('stele_rpc_request_duration_seconds', 'Time from the parsed call to its result', SECONDS, ['method'])
  const refused = register.counter('stele_rpc_refusals_total', 'HTTP requests and connections refused before a call was read, by code', ['code'])
  const connections = register.gauge('stele_rpc_connections', 'Open connections of the RPC listener')
  const sockets = register.gauge('stele_rpc_websockets', 'Open WebSocket connections')
  const subscriptions = register.gauge('stele_rpc_subscriptions', 'Open subscriptions on all WebSockets')
  const lagged = register.counter('stele_rpc_subscribers_lagged_total', 'WebSockets closed because their reader was too slow')
  return {
    call(method: string, code: string, seconds: number): void {
      requests.inc({ method, code })
      duration.observe(seconds, { method })
    },
    refused: (code: string): void => refused.inc({ code }),
    connections: (count: number): void => connections.set(count),
    sockets: (count: number): void => sockets.set(count),
    subscriptions: (count: number): void => subscriptions.set(count),
    lagged: (): void => lagged.inc(),
  }
}
export type RpcMetrics = ReturnType<typeof createRpcMetrics>
