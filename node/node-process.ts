import type { RpcPorts } from '../rpc/ports.ts'
import { ratesOf } from '../rpc/options.ts'
import { RpcServer } from '../rpc/server.ts'
import { HealthServer } from '../rpc/health.ts'
import { PrometheusRegister } from '../rpc/metrics-register.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import { createSigner } from '../primitives/signature.ts'
import type { Logger } from '../primitives/ports.ts'
import { ended, endedInTime } from './ending.ts'
import type { Executor } from './executor.ts'
import { readHold, writeHold } from './hold.ts'
import type { NodeCluster } from './ports/cluster.ts'
import { createRpcPorts } from './ports/index.ts'
import { lateBoundPorts } from './repair-ports.ts'
import { bareReadings } from './repair-readings.ts'
import { ReleaseCheck } from './release-check.ts'
import { SteleNode } from './stele-node.ts'
import { systemClock } from './system.ts'
import type { JoinReason, NodeSettings } from './node-parts.ts'
import { VaultService } from './vault-service.ts'
import { STELE_VERSION } from './version.ts'

/** A whole node: consensus, vault, RPC, health. Started in order, stopped in reverse; begun anew in the same process when damage is met. */
export class NodeProcess {
  readonly #settings: NodeSettings
  readonly #logger: Logger
  readonly #register: PrometheusRegister
  readonly #health: HealthServer
  readonly #createNode: (join?: JoinReason) => SteleNode
  #node: SteleNode
  #vault: VaultService | undefined
  #rpc: RpcServer | undefined
  #cluster: NodeCluster | undefined
  #restarting: Promise<void> | undefined
  /** What is being started now; settles with it. */
  #busy: Promise<unknown> = Promise.resolve()
  #refusedAt: number | undefined
  #held: string | undefined
  #stopping: Promise<void> | undefined

  constructor(settings: NodeSettings, logger: Logger, fatal: (error: unknown) => void, executorClass?: typeof Executor) {
    const { config } = settings
    this.#settings = settings
    this.#logger = logger
    this.#register = new PrometheusRegister({ processMetrics: true })
    this.#createNode = (reason) => new SteleNode(settings, {
      logger, metrics: this.#register, fatal, join: reason, rejoin: (wanted) => this.#begin(fatal, wanted),
      damaged: (error) => this.#damaged(error, fatal),
    }, executorClass)
    this.#node = this.#createNode()
    const readings = { read: () => this.#cluster?.read() ?? bareReadings(this.#node, settings) }
    this.#health = new HealthServer({ host: config.admin.host, port: config.admin.port, allowInsecure: config.rpc.allowInsecure }, { readings, register: this.#register, logger, build: { version: STELE_VERSION, node: String(config.node) } })
  }

  /** The node of now; another one after damage was met. */
  get node(): SteleNode { return this.#node }

  /** Why the node serves nothing until an operator acts; undefined when it is not held. */
  get heldFor(): string | undefined { return this.#held }

  /** Resolves with the URLs of both listeners once the node serves, or is held. While its stores are repaired both listeners answer how it is, and nothing else. */
  async start(): Promise<{ readonly rpc: string; readonly metrics: string }> {
    const metrics = await this.#health.start()
    try {
      const serving = this.#serve()
      this.#busy = serving
      return { rpc: await serving, metrics }
    } catch (error) {
      // Listeners left open would keep a process alive that serves nothing. Who stops a node that has not started yet hears of the stop first.
      await this.stop()
      throw error
    }
  }

  /** Safe to call twice, and before the start has ended. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await this.#stopServing()
    await this.#restarting
    await this.#stopServing()
    await this.#health.stop()
  }

  /** Opens the listener; it answers from `served` once there is something. */
  async #listen(served: () => RpcPorts | undefined): Promise<string> {
    const { config } = this.#settings
    const { requestsPerMinute, connectionsPerAddress } = config.rpc
    const perSecond = requestsPerMinute === undefined ? undefined : Math.ceil(requestsPerMinute / 60)
    const rpc = new RpcServer({
      host: config.rpc.host, port: config.rpc.port, allowInsecure: config.rpc.allowInsecure, specificationExamples: config.rpc.specificationExamples,
      ...(perSecond === undefined ? {} : { requestsPerSecond: perSecond, rates: ratesOf(perSecond) }), ...(connectionsPerAddress === undefined ? {} : { connectionsPerAddressMax: connectionsPerAddress }),
    }, { ports: lateBoundPorts(served, () => this.#node, this.#settings), logger: this.#logger, metrics: this.#register, clock: systemClock, version: STELE_VERSION })
    this.#rpc = rpc
    return rpc.start()
  }

  async #serve(): Promise<string> {
    const { keys, config } = this.#settings
    const hold = readHold(config.dataDir)
    if (hold !== undefined) {
      this.#logger.error({ code: hold.code, height: hold.height, reason: hold.reason }, 'the node differs from the cluster; it serves nothing until an operator acts (stele hold)')
      return this.#holdFor(hold.reason)
    }
    let served: RpcPorts | undefined
    // A node that has left consensus because it differs serves nothing, from that very moment on.
    const url = await this.#listen(() => (this.#node.mode === 'repair' ? undefined : served))
    await this.#node.start()
    this.#vault = new VaultService(this.#node, keys, this.#logger, this.#register)
    await this.#vault.start()
    const release = new ReleaseCheck(this.#node, createSigner(keys.attestation))
    release.start()
    const { ports, cluster } = createRpcPorts(this.#node, this.#vault, release, this.#logger)
    cluster.start()
    served = ports
    this.#cluster = cluster
    return url
  }

  async #stopServing(): Promise<void> {
    // Readiness turns first, so that callers go elsewhere before the listener closes.
    if (this.#stopping !== undefined) this.#node.announceStop()
    if (this.#rpc !== undefined) await ended('rpc', this.#rpc.stop(), this.#logger)
    if (this.#vault !== undefined) await ended('vault', this.#vault.stop(), this.#logger)
    this.#rpc = undefined
    this.#vault = undefined
    this.#cluster = undefined
    await this.#node.stop()
  }

  /** Damage met while running goes the way of damage found at the start, and so does a snapshot that is to be taken: stop, mend or join, serve again; the process stays. */
  #begin(fatal: (error: unknown) => void, reason?: JoinReason, heldFor?: string): void {
    if (this.#stopping !== undefined) return
    // One after the other: a node may meet damage while the listener around it is still being opened. How that ended is for whoever began it.
    const before = this.#busy.then(() => undefined, () => undefined)
    const run = before.then(() => this.#restart(reason, heldFor))
    this.#busy = run
    this.#restarting = run.catch((cause: unknown) => { if (this.#stopping === undefined) fatal(cause) })
  }

  /**
   * A block that this node alone refuses is executed once more after a start from its own disk; when it refuses again, or has committed what the cluster did not, it serves
   * nothing until an operator acts.
   */
  #damaged(error: unknown, fatal: (error: unknown) => void): void {
    if (this.#stopping !== undefined) return
    const code = errorCode(error)
    const height = error instanceof SteleError ? Number(error.details['height']) : 0
    const held = code === 'NODE_DIVERGED' || (code === 'BLOCK_CERTIFIED_ELSEWHERE' && this.#refusedAt === height)
    if (code === 'BLOCK_CERTIFIED_ELSEWHERE') this.#refusedAt = height
    const reason = this.#node.repairReason ?? code ?? 'damaged'
    if (held) writeHold(this.#settings.config.dataDir, { v: 1, code, height, reason: reason.slice(0, 1024), sinceMs: systemClock.nowMs() })
    this.#logger.error({ error }, held ? 'the node differs from the cluster; it serves nothing until an operator acts' : 'damage was met; the node stops taking part and repairs itself')
    this.#begin(fatal, undefined, held ? reason : undefined)
  }

  async #restart(reason: JoinReason | undefined, heldFor: string | undefined): Promise<void> {
    await endedInTime(this.#stopServing())
    if (this.#stopping !== undefined) return
    this.#node = this.#createNode(reason)
    if (heldFor === undefined) return void await this.#serve()
    await this.#holdFor(heldFor)
  }

  /** Answers how it is, and nothing else: no ledger is opened, so nothing can be voted, acknowledged or attested. */
  #holdFor(reason: string): Promise<string> {
    this.#held = reason
    this.#node.hold(reason)
    return this.#listen(() => undefined)
  }
}
