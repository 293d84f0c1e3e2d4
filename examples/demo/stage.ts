import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getClusterStatus } from '../../client/actions/index.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import type { Chain } from '../../client/chain.ts'
import { createClient } from '../../client/create-client.ts'
import type { Client } from '../../client/create-client.ts'
import { fallback } from '../../client/transports/fallback.ts'
import { http } from '../../client/transports/http.ts'
import { startChild } from '../../node/children.ts'
import type { Child } from '../../node/children.ts'
import { loadCustodianConfig } from '../../node/custodian-config.ts'
import { openMasterKey } from '../../node/custodian-keys.ts'
import { startDevNetwork, startNode } from '../../node/dev-network.ts'
import type { DevNode } from '../../node/dev-network.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { startActor } from './actor-process.ts'
import type { Actor } from './actor-process.ts'
import { INSTITUTIONS } from './people.ts'

/**
 * The processes of the demo: a node, a custodian and a desk for each institution, and people with devices of their own. Everything started here is
 * stopped by `stop`, in reverse and whatever happened, and its temporary folder removed.
 */
export class Stage {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'stele-demo-'))
  readonly desks: Actor[] = []
  readonly custodians: Child[] = []
  #nodes: DevNode[] = []
  #chain: Chain | undefined
  #stopping = false
  readonly #starting = new Set<Promise<unknown>>()
  readonly #actors: Actor[] = []

  get nodes(): readonly DevNode[] { return this.#nodes }
  get urls(): readonly string[] { return this.#nodes.map(({ rpc }) => rpc) }
  get processCount(): number { return this.#nodes.length + this.custodians.length + this.#actors.length }

  /** What everybody trusts: the chain of the genesis file. */
  get chain(): Chain {
    this.#chain ??= chainFromGenesis(readGenesis(join(this.folder, 'genesis.json')))
    return this.#chain
  }

  /** A client that signs nothing, for what anybody may ask. */
  client(urls: readonly string[] = this.urls): Client {
    return createClient({ transport: fallback(urls.map((url) => http(url))), chain: this.chain })
  }

  async startNodes(count: number): Promise<void> {
    const names = INSTITUTIONS.map(({ slug }) => slug)
    const network = await this.#started(startDevNetwork({ nodes: count, directory: this.folder, names }))
    this.#nodes = network.nodes
  }

  /** A custodian and a desk per institution. */
  async startInstitutions(): Promise<void> {
    this.custodians.push(...(await Promise.all(this.#nodes.map((node) => this.#startCustodian(node)))))
    for (const { folder, rpc } of this.#nodes) this.desks.push(this.#actor('actor-desk.ts', folder, [join(folder, 'custodian.yaml'), rpc, ...this.urls.filter((url) => url !== rpc)]))
  }

  /** A process for one person, or for several who only need to exist. They ask their own institution's node first. */
  startPerson(name: string, member: number): Actor {
    const folder = join(this.folder, `people-${name}`)
    mkdirSync(folder, { mode: 0o700 })
    const own = this.#nodes[member - 1]!.rpc
    return this.#actor('actor-person.ts', folder, [join(this.folder, 'genesis.json'), own, ...this.urls.filter((url) => url !== own)])
  }

  /** The node that leads, as one of the others sees it. */
  async leader(): Promise<DevNode> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const { leader } = await getClusterStatus(this.client())
      const found = this.#nodes.find(({ id }) => id === leader)
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error('no node leads')
  }

  /** kill -9, then waits until the process is gone. */
  async kill({ child, pid }: DevNode): Promise<void> {
    process.kill(pid, 'SIGKILL')
    await child.exited
  }

  /** Starts a killed node again on the data it left and waits until it has all blocks that the others have. */
  async restart({ id, name }: DevNode): Promise<void> {
    this.#mustGoOn()
    const { committed } = await this.client(this.#nodes.filter((node) => node.id !== id).map(({ rpc }) => rpc)).call('chain_head', {})
    const node = await this.#started(startNode(id, name, this.folder))
    this.#nodes = this.#nodes.map((old) => (old.id === id ? node : old))
    const client = this.client([node.rpc])
    while ((await client.call('chain_head', {})).committed.height < committed.height) await new Promise((resolve) => setTimeout(resolve, 50))
  }

  /** Ends every process that was started, also those still on their way up. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.allSettled(this.#starting)
    await Promise.all(this.#actors.map((actor) => actor.stop()))
    await Promise.all(this.custodians.map((child) => child.stop()))
    await Promise.all(this.#nodes.map(({ child }) => child.stop()))
  }

  removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #startCustodian({ folder }: DevNode): Promise<Child> {
    this.#mustGoOn()
    const path = join(folder, 'custodian.yaml')
    const config = loadCustodianConfig(path)
    // A throw-away network: its keystores open fast, as those of its nodes do.
    await openMasterKey(config.keystore, readFileSync(config.passphraseFile!, 'utf8').trim(), KEYSTORE_TEST_COST)
    return this.#started(startChild('custodian', ['custodian', '--config', path, '--json'], folder))
  }

  #actor(script: string, folder: string, args: readonly string[]): Actor {
    this.#mustGoOn()
    const actor = startActor(script, folder, args)
    this.#actors.push(actor)
    return actor
  }

  /** The story may still be at it when the demo is interrupted; nothing new begins then. */
  #mustGoOn(): void {
    if (this.#stopping) throw new Error('the demo is stopping')
  }

  /** Remembers what is on its way up: a process that comes up after `stop` began is stopped too. */
  async #started<T>(work: Promise<T & { stop?(): Promise<void>; child?: Child }>): Promise<T> {
    const guarded = work.then(async (started) => {
      if (this.#stopping) await (started.stop?.() ?? started.child?.stop())
      return started
    })
    this.#starting.add(guarded)
    try {
      return await guarded
    } finally {
      this.#starting.delete(guarded)
    }
  }
}
