import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Child } from '../../node/children.ts'
import { MEMBER_NAMES, startNode } from '../../node/dev-network.ts'
import type { DevNode } from '../../node/dev-network.ts'
import { freePorts } from '../../node/free-ports.ts'
import { readKeys } from '../../node/keys.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { createNetwork } from '../../node/network.ts'
import type { NetworkFiles } from '../../node/network.ts'
import { createSigner } from '../../primitives/signature.ts'
import { institution } from '../helpers/calls.ts'
import type { Party } from '../helpers/calls.ts'
import { callRpc } from '../helpers/dev.ts'
import type { SmallDisk } from './disk.ts'
import { Mesh } from './mesh.ts'

const HOST = '127.0.0.1'
/** Ends that a fault made, as opposed to those of the node's own accord. */
type Ending = 'ours' | 'full disk'

/** How a process ended that nobody ended. */
export interface OwnEnd { readonly node: number; readonly code: number; readonly lastWords: string }

/** Real node processes whose every connection to each other goes through a link of the mesh. Nodes are named by their place from 0; ids are places + 1. */
export class NemesisCluster {
  readonly files: NetworkFiles
  readonly members: readonly Party[]
  readonly mesh: Mesh
  readonly ownEnds: OwnEnd[] = []
  /** Set with a small disk under the last node's data folder. */
  readonly disk: SmallDisk | undefined
  readonly #directory: string
  readonly #nodes: (DevNode | undefined)[]
  readonly #urls: string[]
  readonly #paused = new Set<number>()
  readonly #starting = new Map<number, Promise<void>>()
  /** Bytes of each node's log before its present process. */
  readonly #logBytes = new Map<number, number>()
  readonly #expected = new Map<Child, Ending>()

  private constructor(files: NetworkFiles, directory: string, mesh: Mesh, members: readonly Party[], disk: SmallDisk | undefined) {
    this.files = files
    this.members = members
    this.mesh = mesh
    this.disk = disk
    this.#directory = directory
    this.#nodes = files.members.map(() => undefined)
    this.#urls = files.members.map(({ node }) => `http://${HOST}:${node.rpc}`)
  }

  /** Makes keys, genesis and configuration; `start` starts the nodes. `disk` takes the data folder of the last node. */
  static async create(directory: string, count: number, disk: SmallDisk | undefined): Promise<NemesisCluster> {
    const ports = await freePorts(3 * count)
    const plan = Array.from({ length: count }, (_, i) => ({ name: MEMBER_NAMES[i]!, node: { host: HOST, rpc: ports[3 * i]!, admin: ports[3 * i + 1]!, p2p: ports[3 * i + 2]! } }))
    const files = await createNetwork({ network: 'nemesis', kind: 'development', directory, timeMs: Date.now(), cost: KEYSTORE_TEST_COST, members: plan })
    const { mesh, routes } = await Mesh.open(new Map(files.members.map(({ member, node }) => [member, node.p2p])))
    for (const { member, config } of files.members) {
      const own = [...routes.get(member)!].map(([to, port]) => `${to}=/ip4/${HOST}/tcp/${port}`)
      const settings = parse(readFileSync(config, 'utf8')) as { p2p: object }
      const dataDir = disk !== undefined && member === count ? { dataDir: join(disk.path, 'data') } : {}
      writeFileSync(config, stringify({ ...settings, ...dataDir, p2p: { ...settings.p2p, routes: own } }))
    }
    const members = await Promise.all(files.members.map(async ({ member, folder, passphraseFile }) => {
      const { sign } = await readKeys(join(folder, 'operator.json'), 'operator', readFileSync(passphraseFile, 'utf8').trim())
      return institution(files.chain, member, createSigner(sign))
    }))
    return new NemesisCluster(files, directory, mesh, members, disk)
  }

  get count(): number { return this.#nodes.length }
  get diskNode(): number { return this.count - 1 }
  url(node: number): string { return this.#urls[node]! }
  isUp(node: number): boolean { return this.#nodes[node] !== undefined && !this.#paused.has(node) }
  data(node: number): string { return node === this.diskNode && this.disk !== undefined ? join(this.disk.path, 'data') : join(this.files.members[node]!.folder, 'data') }

  async start(): Promise<void> {
    await Promise.all(this.#nodes.map((_, node) => this.startNode(node)))
  }

  /** Starts a node that is down; resolves once it serves. Faults overlap, so a start may be under way: then that one is waited for. */
  async startNode(node: number): Promise<void> {
    const starting = this.#starting.get(node) ?? (this.#nodes[node] === undefined ? this.#startNode(node).finally(() => this.#starting.delete(node)) : undefined)
    if (starting === undefined) return
    this.#starting.set(node, starting)
    await starting
  }

  async #startNode(node: number): Promise<void> {
    const { member, name } = this.files.members[node]!
    const log = this.#logOf(node)
    this.#logBytes.set(node, existsSync(log) ? statSync(log).size : 0)
    const started = await startNode(member, name, this.#directory)
    this.#nodes[node] = started
    void started.child.exited.then((code) => {
      if (this.#nodes[node] === started) this.#nodes[node] = undefined
      this.#paused.delete(node)
      if (!this.#expected.has(started.child)) this.ownEnds.push({ node, code, lastWords: this.lastWords(node) })
    })
  }

  /** kill -9; resolves when the process is gone. */
  async kill(node: number): Promise<void> {
    // A node that does not come up is told of by whoever started it.
    await this.#starting.get(node)?.catch(() => undefined)
    const child = this.#nodes[node]?.child
    if (child === undefined) return
    this.#expected.set(child, 'ours')
    child.process.kill('SIGKILL')
    await child.exited
    this.#nodes[node] = undefined
  }

  pause(node: number): void {
    if (this.#nodes[node]?.child.process.kill('SIGSTOP') === true) this.#paused.add(node)
  }

  resume(node: number): void {
    this.#nodes[node]?.child.process.kill('SIGCONT')
    this.#paused.delete(node)
  }

  /** The next end of this node is one that a full disk may cause. Resolves with its exit code, or undefined when it goes on for `timeoutMs`. */
  async endsOfFullDisk(node: number, timeoutMs: number): Promise<number | undefined> {
    const child = this.#nodes[node]?.child
    if (child === undefined) return undefined
    this.#expected.set(child, 'full disk')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((done) => { timer = setTimeout(() => done(undefined), timeoutMs) })
    const code = await Promise.race([child.exited, late])
    clearTimeout(timer)
    if (code === undefined) this.#expected.delete(child)
    return code
  }

  /** Who leads, as the nodes that answer say; undefined when none does. */
  async leader(): Promise<number | undefined> {
    for (let node = 0; node < this.count; node++) {
      if (!this.isUp(node)) continue
      const leader = await callRpc(this.url(node), 'node_info', {}, 500).then((info) => info.leader, () => null)
      if (leader !== null) return leader - 1
    }
    return undefined
  }

  /** The last line for people that a node's newest process left in its log, not one of JSON; empty when there is none. */
  lastWords(node: number): string {
    const lines = readFileSync(this.#logOf(node)).subarray(this.#logBytes.get(node) ?? 0).toString().trimEnd().split('\n')
    return lines.findLast((line) => !line.startsWith('{')) ?? ''
  }

  #logOf(node: number): string { return join(this.files.members[node]!.folder, 'node.log') }

  /** SIGTERM to all; resolves with the exit codes of those that ran. */
  async stop(): Promise<number[]> {
    const running = this.#nodes.flatMap((node, i) => (node === undefined ? [] : [{ i, child: node.child }]))
    return Promise.all(running.map(async ({ i, child }) => {
      this.#expected.set(child, 'ours')
      this.resume(i)
      await child.stop()
      return child.exited
    }))
  }

  /** Ends everything at once, whatever state it is in. */
  async destroy(): Promise<void> {
    await Promise.all(this.#nodes.map((_, node) => this.kill(node)))
    await this.mesh.close()
  }
}
