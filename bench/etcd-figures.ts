import type { Cleanup } from './cleanup.ts'
import { EtcdCluster } from './etcd.ts'
import { GatewayClient, GrpcClient, putThroughput } from './etcd-client.ts'
import type { EtcdClient } from './etcd-client.ts'
import { latencyOf, timeEach } from './latency.ts'
import type { Latency } from './latency.ts'
import { median } from './measure.ts'
import type { Sizes } from './options.ts'

const SESSIONS_PER_MEMBER = 4
const OPEN_TRIED = [64, 256, 1024] as const
const GATEWAY_OPEN_PER_MEMBER = 64

/**
 * What etcd reaches in this run, by both ways into it. Taken twice, before the nodes are started and once they are stopped: where a machine changes its speed within minutes, a reference from
 * one end of the run alone says little. Lists grow with each taking.
 */
export class EtcdFigures {
  /** Puts a second: over gRPC at the number of open puts that suits it best, and over the HTTP gateway. */
  readonly grpc: number[] = []
  readonly gateway: number[] = []
  /** Of one client at the leader, in ms, by the faster of the two ways. */
  readonly p50: number[] = []
  readonly p99: number[] = []
  readonly latencyOver: 'gRPC' | 'the HTTP gateway'
  readonly openPuts: number
  readonly #generatorCpu: number[] = []

  private constructor(openPuts: number, latencyOver: EtcdFigures['latencyOver']) {
    this.openPuts = openPuts
    this.latencyOver = latencyOver
  }

  /** CPU seconds of the load generator per 1,000 puts over gRPC. */
  get generatorCpu(): number { return median(this.#generatorCpu) }

  /** Starts three members, finds what suits them best, measures, and stops them again. */
  static async measure(sizes: Sizes, cleanup: Cleanup): Promise<EtcdFigures> {
    return withMembers(cleanup, async (members) => {
      const openPuts = await bestOpenPuts(members.grpc, sizes.etcdSeconds)
      const [grpc, gateway] = [await latencyOver(members.grpc, sizes), await latencyOver(members.gateway, sizes)]
      const figures = new EtcdFigures(openPuts, grpc.p50 <= gateway.p50 ? 'gRPC' : 'the HTTP gateway')
      await figures.#take(members, sizes)
      return figures
    })
  }

  /** Measures once more, with members of their own. */
  measureAgain(sizes: Sizes, cleanup: Cleanup): Promise<void> {
    return withMembers(cleanup, async (members) => {
      await bestOpenPuts(members.grpc, sizes.etcdSeconds) // Warms them up as the first ones.
      await this.#take(members, sizes)
    })
  }

  async #take(members: Members, sizes: Sizes): Promise<void> {
    for (let run = 0; run < sizes.runs; run++) {
      const { perSecond, generatorCpu } = await putThroughput(members.grpc, this.openPuts / members.grpc.length, sizes.etcdSeconds)
      this.grpc.push(perSecond)
      this.#generatorCpu.push(generatorCpu)
      this.gateway.push((await putThroughput(members.gateway, GATEWAY_OPEN_PER_MEMBER, sizes.etcdSeconds)).perSecond)
      const { p50, p99 } = await latencyOver(this.latencyOver === 'gRPC' ? members.grpc : members.gateway, sizes)
      this.p50.push(p50)
      this.p99.push(p99)
    }
  }
}

/** Clients of all members, the leader's first. */
interface Members { readonly grpc: readonly EtcdClient[]; readonly gateway: readonly EtcdClient[] }

async function withMembers<T>(cleanup: Cleanup, use: (members: Members) => Promise<T>): Promise<T> {
  const cluster = await EtcdCluster.start(cleanup)
  const grpc = cluster.urls.flatMap((url) => Array.from({ length: SESSIONS_PER_MEMBER }, () => new GrpcClient(url)))
  const gateway = cluster.urls.map((url) => new GatewayClient(url, GATEWAY_OPEN_PER_MEMBER))
  try {
    return await use({ grpc, gateway })
  } finally {
    for (const client of [...grpc, ...gateway]) client.close()
    await cluster.stop()
  }
}

async function latencyOver([leader]: readonly EtcdClient[], { writes }: Sizes): Promise<Latency> {
  return latencyOf(await timeEach(writes, () => leader!.put()))
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
