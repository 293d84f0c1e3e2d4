import type { Cleanup } from './cleanup.ts'
import { EtcdCluster } from './etcd.ts'
import { GatewayClient, GrpcClient, putThroughput } from './etcd-client.ts'
import type { EtcdClient, EtcdThroughput } from './etcd-client.ts'
import { latencyOf, timeEach } from './latency.ts'
import type { Latency } from './latency.ts'
import { median } from './measure.ts'
import type { Sizes } from './options.ts'

/** What etcd reached in this run, by both ways into it. */
export interface EtcdFigures {
  /** Puts a second: over gRPC at the number of open puts that suits it best, and over the HTTP gateway. */
  readonly grpc: readonly number[]
  readonly gateway: readonly number[]
  readonly openPuts: number
  /** CPU seconds of the load generator per 1,000 puts over gRPC. */
  readonly generatorCpu: number
  /** One client at the leader, by the faster of the two ways. */
  readonly latency: readonly Latency[]
  readonly latencyOver: 'gRPC' | 'the HTTP gateway'
}

const SESSIONS_PER_MEMBER = 4
const OPEN_TRIED = [64, 256, 1024] as const
const GATEWAY_OPEN_PER_MEMBER = 64

/** Starts three members, takes what the figures asked for need, and stops them again. */
export async function measureEtcd({ runs, writes, etcdSeconds }: Sizes, cleanup: Cleanup): Promise<EtcdFigures> {
  const cluster = await EtcdCluster.start(cleanup)
  const clients: EtcdClient[] = []
  const keep = <C extends EtcdClient>(client: C): C => {
    clients.push(client)
    return client
  }
  try {
    const grpc = cluster.urls.flatMap((url) => Array.from({ length: SESSIONS_PER_MEMBER }, () => keep(new GrpcClient(url))))
    const gateway = cluster.urls.map((url) => keep(new GatewayClient(url, GATEWAY_OPEN_PER_MEMBER)))
    const openPuts = await bestOpenPuts(grpc, etcdSeconds)
    const grpcRuns: EtcdThroughput[] = []
    const gatewayRuns: number[] = []
    const latencies = { grpc: [] as Latency[], gateway: [] as Latency[] }
    for (let run = 0; run < runs; run++) {
      grpcRuns.push(await putThroughput(grpc, openPuts / grpc.length, etcdSeconds))
      gatewayRuns.push((await putThroughput(gateway, GATEWAY_OPEN_PER_MEMBER, etcdSeconds)).perSecond)
      latencies.grpc.push(latencyOf(await timeEach(writes, () => grpc[0]!.put())))
      latencies.gateway.push(latencyOf(await timeEach(writes, () => gateway[0]!.put())))
    }
    const p50 = (of: readonly Latency[]): number => median(of.map((each) => each.p50))
    const grpcIsFaster = p50(latencies.grpc) <= p50(latencies.gateway)
    return {
      grpc: grpcRuns.map(({ perSecond }) => perSecond), gateway: gatewayRuns, openPuts, generatorCpu: median(grpcRuns.map(({ generatorCpu }) => generatorCpu)),
      latency: grpcIsFaster ? latencies.grpc : latencies.gateway, latencyOver: grpcIsFaster ? 'gRPC' : 'the HTTP gateway',
    }
  } finally {
    for (const client of clients) client.close()
    await cluster.stop()
  }
}

/** etcd is offered as many puts at once as suit it best here, so that the reference is not held low by the load. */
async function bestOpenPuts(clients: readonly EtcdClient[], seconds: number): Promise<number> {
  let best = { open: 0, perSecond: 0 }
  for (const tried of OPEN_TRIED) {
    const each = Math.ceil(tried / clients.length)
    const { perSecond } = await putThroughput(clients, each, Math.min(2, seconds))
    if (perSecond > best.perSecond) best = { open: each * clients.length, perSecond }
  }
  return best.open
}
