import { join } from 'node:path'
import { builtInRegistry, readerOf } from '../contracts/index.ts'
import type { Reader, Registry } from '../contracts/index.ts'
import { createNetwork } from '../p2p/network.ts'
import type { Network } from '../p2p/network.ts'
import { DEFAULT_P2P } from '../p2p/options.ts'
import type { PeerRecord } from '../p2p/roster.ts'
import { noMetrics } from '../primitives/ports.ts'
import type { Clock, MetricsRegister } from '../primitives/ports.ts'
import type { Signer } from '../primitives/signature.ts'
import { openLedger } from '../state/ledger-open.ts'
import type { Ledger } from '../state/ledger.ts'
import type { LedgerCollaborators } from '../state/ledger-options.ts'
import { nodeFileSystem, nodeTimers } from '../state/node-file-system.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import type { WorldState } from '../state/world-state.ts'
import type { ArchiveShelf } from './archive-shelf.ts'
import type { ChainRules } from './chain-rules.ts'
import { ChainStore } from './chain-store.ts'
import type { Executor } from './executor.ts'
import { joinWithNetwork } from './join-network.ts'
import { completeJoin, isJoinBegun } from './join-swap.ts'
import { mustNotHaveLostLedger } from './ledger-lost.ts'
import type { ModeKeeper } from './mode-keeper.ts'
import type { NodeCollaborators, NodeSettings } from './node-parts.ts'
import { genesisNodes, nodesIn, withCards } from './node-roster.ts'
import { recoverTip, recoverWindow } from './recover.ts'
import { openedRecovery } from './recovery-file.ts'
import { RepairRoom } from './repair-room.ts'
import type { Ground } from './repair-state.ts'
import { openStores } from './repair.ts'
import { addressesOf } from './routes.ts'
import { snapshotWindow } from './snapshot-restore.ts'
import { systemRandom } from './system.ts'
import { TransactionReader } from './transaction-reader.ts'
import type { VerifierPool } from './verifier.ts'

export interface NodeGroundPorts {
  readonly settings: NodeSettings
  readonly collaborators: NodeCollaborators
  readonly rules: ChainRules
  readonly snapshots: SnapshotFolder
  readonly mode: ModeKeeper
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** What execution needs besides the stores. */
export interface ExecutionTools { readonly executorClass: typeof Executor; readonly signer: Signer; readonly verifier: VerifierPool; readonly reader: TransactionReader; readonly archives: ArchiveShelf }

/** What a node stands on before it takes part: its network's address book, a snapshot it joins by, ledger and state opened whole. */
export class NodeGround {
  readonly #ports: NodeGroundPorts
  readonly registry: Registry

  constructor(ports: NodeGroundPorts) {
    this.#ports = ports
    this.registry = ports.collaborators.registry ?? builtInRegistry()
  }

  /** Addresses as this node dials them. */
  routed(nodes: readonly PeerRecord[]): PeerRecord[] {
    return nodes.map((record) => ({ ...record, addresses: addressesOf(record.node, record.addresses, this.#ports.settings.config.p2p.routes) }))
  }

  /** The network among the nodes that `reader`'s state names, or genesis; a node that is not among them goes by its file of peers. */
  network(metrics: MetricsRegister, reader?: Reader): Promise<Network> {
    const { settings: { config, genesis, keys }, collaborators: { logger }, rules, clock } = this.#ports
    const named = reader === undefined ? genesisNodes(genesis) : nodesIn(reader)
    return createNetwork({
      chain: rules.chain, self: config.node, secret: keys.transport, p2p: { ...DEFAULT_P2P, listen: config.p2p.listen },
      members: this.routed(named.some(({ node }) => node === config.node) ? named : withCards(named, config.p2p.peers)),
    }, { logger, metrics, clock, random: systemRandom })
  }

  /** Puts a finished installation in place, goes on with one that was begun, or begins one. A node that finds no snapshot starts with what it has. True when this process has built the state just now. Throws `LEDGER_LOST`, SNAPSHOT_*, LEDGER_*, STATE_*. */
  async join(): Promise<boolean> {
    const { settings: { config, genesis }, collaborators: { logger, join: reason }, rules, mode, signal } = this.#ports
    const done = await completeJoin(config.dataDir, rules.chain)
    if (done !== undefined) logger.info({ height: done }, 'joined by snapshot')
    await mustNotHaveLostLedger(config.dataDir, config.node, this.#disk().fileSystem)
    if (done !== undefined || (reason === undefined && !isJoinBegun(config.dataDir))) return false
    mode.enterRepair('sync: looking for a snapshot')
    const height = await joinWithNetwork({
      dataDir: config.dataDir, chain: rules.chain, trusted: rules.periods[0]!, lifetimeMsMax: genesis.parameters.lifetimeMsMax, segmentBytes: config.ledger.segmentBytes, required: reason === 'required',
      ledger: this.#disk(), createNetwork: () => this.network(noMetrics), logger, signal, onStep: (text) => mode.enterRepair(text),
    })
    if (height !== undefined) logger.info({ height }, 'joined by snapshot')
    mode.leaveRepair()
    return height !== undefined
  }

  /** Ledger and state, mended where needed, and what executes on them. Damage met later goes to `onDamaged`. Throws LEDGER_*, STATE_* and `NODE_STOPPING`. */
  open(tools: ExecutionTools, justProved: boolean, onDamaged: (error: unknown) => void): ReturnType<typeof openStores> {
    const { settings: { config, genesis }, collaborators: { logger, fatal }, rules, snapshots, mode, signal } = this.#ports
    const room = new RepairRoom({
      createNetwork: () => this.network(noMetrics), others: rules.members.voters.map(({ node }) => node).filter((node) => node !== config.node),
      logger, onRepair: (reason) => mode.enterRepair(reason),
    }, signal)
    return openStores(join(config.dataDir, 'state'), {
      rules, room, genesis, justProved, chain: rules.chain, limits: rules.limits, snapshots, createGround: (ledger, world) => this.#executorOn(ledger, world, tools), logger, signal, onRebuild: (reason) => mode.enterRepair(reason), onDamaged,
      openLedger: () => openLedger({ directory: join(config.dataDir, 'ledger'), chainId: rules.chain, segmentBytes: config.ledger.segmentBytes }, { ...this.#disk(), failed: fatal, damaged: onDamaged }),
    })
  }

  async #executorOn(ledger: Ledger, world: WorldState, { executorClass, signer, verifier, reader, archives }: ExecutionTools): Promise<Ground> {
    const { settings: { config, genesis }, rules, snapshots } = this.#ports
    const { registry } = this
    const store = new ChainStore(rules.chain, ledger, world, archives)
    const tip = recoverTip(world, store, genesis)
    rules.load(readerOf(world.view()))
    const window = await recoverWindow(store, rules.chain, registry, tip, rules.limits.lifetimeMsMax, (height) => snapshotWindow(snapshots, height))
    const recovery = openedRecovery(config.dataDir, rules.members.epoch + 1)
    const executor = new executorClass({ chain: rules.chain, node: config.node, signer, recovery }, { world, window, registry, reader, knows: (item) => verifier.knows(item), verifyBatch: verifier.verifyBatch.bind(verifier) }, tip, world.appliedIndex)
    return { executor, window, store }
  }

  #disk(): Omit<LedgerCollaborators, 'failed' | 'damaged'> {
    const { logger, fileSystem = nodeFileSystem } = this.#ports.collaborators
    return { fileSystem, timers: nodeTimers, logger, random: systemRandom }
  }
}
