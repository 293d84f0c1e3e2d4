import { RpcServer } from '../rpc/server.ts'
import { HealthServer } from '../rpc/health.ts'
import { PrometheusRegister } from '../rpc/metrics-register.ts'
import { createSigner } from '../primitives/signature.ts'
import type { Logger } from '../primitives/ports.ts'
import type { Executor } from './executor.ts'
import { createRpcPorts } from './ports/index.ts'
import { ReleaseCheck } from './release-check.ts'
import { SteleNode, systemClock } from './stele-node.ts'
import type { NodeSettings } from './stele-node.ts'
import { VaultService } from './vault-service.ts'
import { STELE_VERSION } from './version.ts'

/** A whole node: consensus, vault, RPC, health. Started in order, stopped in reverse. */
export class NodeProcess {
  readonly node: SteleNode
  readonly #settings: NodeSettings
  readonly #logger: Logger
  readonly #register: PrometheusRegister
  #vault: VaultService | undefined
  #rpc: RpcServer | undefined
  #health: HealthServer | undefined

  constructor(settings: NodeSettings, logger: Logger, fatal: (error: unknown) => void, executorClass?: typeof Executor) {
    this.#settings = settings
    this.#logger = logger
    this.#register = new PrometheusRegister({ processMetrics: true })
    this.node = new SteleNode(settings, { logger, metrics: this.#register, fatal }, executorClass)
  }

  /** Resolves with the URLs of both listeners once the node serves. */
  async start(): Promise<{ readonly rpc: string; readonly metrics: string }> {
    const { config, keys } = this.#settings
    await this.node.start()
    this.#vault = new VaultService(this.node, keys, this.#logger)
    await this.#vault.start()
    const release = new ReleaseCheck(this.node, createSigner(keys.attestation))
    release.start()
    const { ports, cluster } = createRpcPorts(this.node, this.#vault, release)
    cluster.start()
    const perSecond = Math.ceil(config.rpc.requestsPerMinute / 60)
    this.#rpc = new RpcServer({
      host: config.rpc.host, port: config.rpc.port, allowInsecure: config.rpc.allowInsecure, requestsPerSecond: perSecond, specificationExamples: config.rpc.specificationExamples,
      rates: { read: perSecond, write: perSecond, heavy: Math.ceil(perSecond / 10), bulk: perSecond },
    }, { ports, logger: this.#logger, metrics: this.#register, clock: systemClock, version: STELE_VERSION })
    this.#health = new HealthServer({ host: config.admin.host, port: config.admin.port, allowInsecure: config.rpc.allowInsecure }, { readings: cluster, register: this.#register, logger: this.#logger, build: { version: STELE_VERSION, node: String(config.node) } })
    const rpc = await this.#rpc.start()
    const metrics = await this.#health.start()
    return { rpc, metrics }
  }

  async stop(): Promise<void> {
    // Readiness turns first, so that callers go elsewhere before the listener closes.
    this.node.announceStop()
    await this.#rpc?.stop()
    await this.#vault?.stop()
    await this.node.stop()
    await this.#health?.stop()
  }
}
