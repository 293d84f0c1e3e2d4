// Goal: a power failure at any step between append, acknowledge, commit, attest and apply loses no transaction that a node reported as
// committed, and no node ever attests to two blocks at one height (DESIGN §5.7, §5.8; issue "Shows" 10).
// Method: whole nodes whose ledgers live on disks in memory that forget what was not synced. All lose their power together, just before the
// n-th write or sync of one of them; then they start again on what is left. The same with syncs that do nothing must be caught.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { toHex } from '../../primitives/bytes.ts'
import { attestationSchema } from '../../primitives/certificate.ts'
import type { AttestationContent } from '../../primitives/certificate.ts'
import { decode } from '../../primitives/codec.ts'
import type { SteleNode } from '../../node/stele-node.ts'
import { createCluster, until } from '../helpers/cluster.ts'
import type { TestCluster } from '../helpers/cluster.ts'
import { Crashed, CrashFileSystem } from '../helpers/crash-file-system.ts'
import { testDirectory } from '../helpers/directory.ts'

interface PowerCut { readonly at: 'leader' | 'follower'; readonly before: 'write' | 'sync'; readonly nth: number; readonly stateDatabase: 'kept' | 'lost' }

/** What the world outside saw: blocks reported as committed, attestations that left a node. Both stand for ever. */
class Witness {
  readonly committed = new Map<number, string>()
  readonly violations: string[] = []
  readonly #attested = new Map<string, string>()

  get attestations(): number { return this.#attested.size }

  block(height: number, hash: string): void {
    const before = this.committed.get(height)
    if (before === undefined) this.committed.set(height, hash)
    else if (before !== hash) this.violations.push(`two blocks committed at height ${height}`)
  }

  attestation(node: number, { height, block }: AttestationContent): void {
    const key = `node ${node} at height ${height}`
    if ((this.#attested.get(key) ?? toHex(block)) !== toHex(block)) this.violations.push(`${key} attested twice`)
    this.#attested.set(key, toHex(block))
  }

  watch(node: SteleNode): void {
    const { finality } = node.parts
    node.onCommitted(({ height, hash }) => this.block(height, toHex(hash)))
    node.onFinal(() => {
      const { content, signatures } = finality.newestCertificate!
      for (const { node: signer } of signatures) this.attestation(signer, content)
    })
    const receive = finality.receive.bind(finality)
    finality.receive = (bytes) => {
      const { node: signer, content } = decode(attestationSchema, bytes)
      this.attestation(signer, content)
      return receive(bytes)
    }
  }
}

/** A network of whole nodes on disks that forget. */
class Network {
  readonly cluster: TestCluster
  readonly disks: CrashFileSystem[]
  #left: CrashFileSystem[] | undefined

  private constructor(cluster: TestCluster, disks: CrashFileSystem[]) {
    this.cluster = cluster
    this.disks = disks
  }

  static async create(directory: string, count: number): Promise<Network> {
    const disks = Array.from({ length: count }, () => new CrashFileSystem())
    const cluster = await createCluster(directory, count, {
      fileSystemOf: (i) => disks[i], consensus: count === 1 ? { tickMs: 10, electionTicks: 5 } : { tickMs: 20, electionTicks: 10 },
      onFatal: (_, error) => { if (!isCrash(error)) process.nextTick(() => { throw error }) },
    })
    // The node also asks the real disk how much room is left there.
    for (const { folder } of cluster.files.members) mkdirSync(join(folder, 'data', 'ledger'), { recursive: true })
    return new Network(cluster, disks)
  }

  get nodes(): SteleNode[] { return this.cluster.nodes.flatMap((node) => node ?? []) }
  get isDark(): boolean { return this.#left !== undefined }

  async start(witness: Witness): Promise<SteleNode> {
    await Promise.all(this.disks.map((_, i) => this.cluster.startNode(i)))
    for (const node of this.nodes) witness.watch(node)
    return this.cluster.leader()
  }

  arm(leader: SteleNode, { at, before, nth }: PowerCut): void {
    const node = at === 'leader' ? leader : this.nodes.find((other) => other !== leader)!
    let count = 0
    this.disks[this.cluster.nodes.indexOf(node)]!.fault = (call, path) => {
      if (call !== before || !path.endsWith('.segment') || ++count !== nth) return
      this.#left = this.disks.map((disk) => disk.crash())
      throw new Crashed('the power is gone')
    }
  }

  /** Sends one transaction to the leader and waits until a node reported its block as committed everywhere, or the power is gone. */
  async transact(leader: SteleNode): Promise<void> {
    const transaction = this.cluster.enrolment()
    await leader.parts.admission.admit(transaction.bytes)
    leader.parts.driver.kick()
    await until(() => this.isDark || this.nodes.every(({ parts }) => parts.store.locate(transaction.id) !== undefined && parts.finality.finalHeight >= parts.store.height))
  }

  /** Ends the nodes as far as they still run; the next start finds `disks` if given, else what the power cut left. */
  async end(disks?: readonly CrashFileSystem[]): Promise<void> {
    await Promise.all(this.nodes.map(async (node, i) => {
      try {
        await node.stop()
      } catch (error) {
        if (!isCrash(error)) throw error
        await node.parts.world.close()
      }
      this.cluster.nodes[i] = undefined
    }))
    this.disks.splice(0, this.disks.length, ...(disks ?? this.#left!))
    this.#left = undefined
  }

  /** Trials begin again from older disks: to nodes that remember each other that would be a restored backup. */
  forgetOthers(): void {
    for (const { folder } of this.cluster.files.members) rmSync(join(folder, 'data', 'presence.json'), { force: true })
  }

  loseStateDatabases(): void {
    for (const { folder } of this.cluster.files.members) rmSync(join(folder, 'data', 'state'), { recursive: true, force: true })
    this.forgetOthers()
  }
}

function isCrash(error: unknown): boolean {
  return error instanceof Crashed || (error instanceof Error && isCrash(error.cause))
}

/** The disks after one transaction and an orderly stop; every trial begins with copies. */
async function prepare(network: Network, witness: Witness): Promise<CrashFileSystem[]> {
  await network.transact(await network.start(witness))
  const disks = [...network.disks]
  await network.end(disks)
  return disks
}

/** One life up to the cut, and the next one after it. Undefined when the workload ended before the cut. */
async function trial(network: Network, base: readonly CrashFileSystem[], cut: PowerCut, syncs: 'real' | 'ignored'): Promise<Witness | undefined> {
  network.loseStateDatabases()
  network.disks.splice(0, network.disks.length, ...base.map((disk) => disk.copy()))
  if (syncs === 'ignored') for (const disk of network.disks) disk.options.ignoreSyncOf = '.segment'
  const witness = new Witness()
  const leader = await network.start(witness)
  network.arm(leader, cut)
  for (let n = 0; n < 2 && !network.isDark; n++) await network.transact(leader)
  if (!network.isDark) {
    await network.end(base)
    return undefined
  }
  await network.end()
  if (cut.stateDatabase === 'lost') network.loseStateDatabases()
  await network.transact(await network.start(witness))
  for (const { parts } of network.nodes) {
    for (const [height, hash] of witness.committed) {
      if (toHex(parts.store.block(height)?.hash ?? new Uint8Array(0)) !== hash) witness.violations.push(`node ${parts.config.node} lost the block at height ${height}`)
    }
  }
  await network.end(base)
  return witness
}

t.setTimeout(290_000)

t.test('one node survives a power cut before every write and every sync of two blocks', async (t) => {
  const network = await Network.create(testDirectory(t), 1)
  const base = await prepare(network, new Witness())
  let trials = 0
  for (const before of ['write', 'sync'] as const) {
    for (let nth = 1; ; nth++) {
      const cut: PowerCut = { at: 'leader', before, nth, stateDatabase: nth % 2 === 0 ? 'lost' : 'kept' }
      const witness = await trial(network, base, cut, 'real')
      if (witness === undefined) break
      trials++
      if (witness.violations.length > 0) t.fail(JSON.stringify({ cut, violations: witness.violations }))
    }
  }
  t.ok(trials >= 8, `${trials} cuts`)
})

t.test('with syncs that do nothing the same is caught as loss', async (t) => {
  const network = await Network.create(testDirectory(t), 1)
  const base = await prepare(network, new Witness())
  const witness = await trial(network, base, { at: 'leader', before: 'sync', nth: 5, stateDatabase: 'lost' }, 'ignored')
  t.ok(witness!.violations.some((violation) => violation.includes('lost the block')), 'a committed block is gone')
  t.ok(witness!.violations.some((violation) => violation.includes('attested twice')), 'and another was attested in its place')
})

const CUTS: readonly PowerCut[] = [
  { at: 'leader', before: 'write', nth: 1, stateDatabase: 'lost' }, { at: 'leader', before: 'sync', nth: 1, stateDatabase: 'kept' }, { at: 'leader', before: 'sync', nth: 2, stateDatabase: 'lost' },
  { at: 'follower', before: 'sync', nth: 1, stateDatabase: 'lost' }, { at: 'follower', before: 'write', nth: 3, stateDatabase: 'kept' }, { at: 'follower', before: 'sync', nth: 3, stateDatabase: 'lost' },
]

t.test('three nodes that lose their power together lose no committed block, and none attests twice', async (t) => {
  const network = await Network.create(testDirectory(t), 3)
  const base = await prepare(network, new Witness())
  for (const cut of CUTS) {
    const witness = await trial(network, base, cut, 'real')
    if (witness === undefined) t.fail(`the workload ended before the cut ${JSON.stringify(cut)}`)
    else t.same(witness.violations, [], `${cut.at}, before ${cut.before} ${cut.nth}: ${witness.committed.size} blocks, ${witness.attestations} attestations seen`)
  }
  const witness = await trial(network, base, { at: 'leader', before: 'sync', nth: 4, stateDatabase: 'lost' }, 'ignored')
  t.ok(witness!.violations.some((violation) => violation.includes('lost the block')), 'with syncs that do nothing committed blocks are gone')
})
