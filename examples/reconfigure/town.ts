import { copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../node/free-ports.ts'
import { startChild } from '../../node/children.ts'
import { startDevNetwork } from '../../node/dev-network.ts'
import type { DevNetwork } from '../../node/dev-network.ts'
import type { Child } from '../../node/children.ts'
import { run, stele } from './cli.ts'
import type { Outcome } from './cli.ts'

/** A node tells the others once a second where it stands, in ms with some more. */
const TOLD_MS = 1_500

/** A running node of an institution: its folder, the way to it. */
export interface Post { readonly member: number; node: number; readonly name: string; readonly folder: string; custodian: string; governance: string; config: string; rpc: string; child: Child | undefined }

/** A network of real processes that members join and leave; every change goes through the command line. */
export class Town {
  readonly directory: string
  readonly posts: Post[] = []
  #network: DevNetwork | undefined

  constructor(directory: string) {
    this.directory = directory
  }

  get genesis(): string { return join(this.directory, 'genesis.json') }
  get running(): readonly Post[] { return this.posts.filter(({ child }) => child !== undefined) }
  get urls(): string[] { return this.running.map(({ rpc }) => rpc) }

  async start(count: number): Promise<void> {
    this.#network = await startDevNetwork({ nodes: count, directory: this.directory })
    for (const { id, name, rpc, child, folder } of this.#network.nodes) {
      this.posts.push({ member: id, node: id, name, folder, custodian: join(folder, 'custodian.yaml'), governance: join(folder, 'governance.json'), config: join(folder, 'config.yaml'), rpc, child })
    }
  }

  post(member: number): Post {
    return this.posts.find((each) => each.member === member)!
  }

  membership(): Promise<Record<string, unknown>> {
    return run('member', 'list', '--rpc', this.urls[0]!)
  }

  /** One member proposes and votes, then the others do, no more of them than it takes. Returns the id. */
  async decide(by: readonly number[], ...args: readonly string[]): Promise<string> {
    const [first, ...others] = by.map((member) => this.post(member))
    const { proposal } = await run('member', 'propose', ...args, '--config', first!.custodian, '--governance', first!.governance)
    const states = await this.vote(String(proposal), others.map(({ member }) => member))
    if (!states.includes('passed')) throw new Error(`the proposal is ${states.join(', ')}`)
    return String(proposal)
  }

  /** These members agree, at the same time, through another's node where their own is gone. Returns what each of their nodes made of the proposal with its vote. */
  async vote(proposal: string, by: readonly number[]): Promise<string[]> {
    const told = await Promise.all(by.map((member) => run('member', 'vote', proposal, '--config', this.post(member).custodian, '--governance', this.post(member).governance, '--rpc', this.urls[0]!)))
    return told.map(({ state }) => String(state))
  }

  async settled(): Promise<number[]> {
    return (await run('member', 'wait', '--rpc', this.urls[0]!, '--seconds', '120'))['voters'] as number[]
  }

  /** A new institution makes its keys, is proposed and accepted, starts its node, which catches up and is promoted. */
  async join(member: number, node: number, by: readonly number[]): Promise<void> {
    const name = `newcomer-${member}`
    const folder = join(this.directory, name)
    const [p2p, rpc] = await freePorts(2)
    mkdirSync(folder, { mode: 0o700 })
    copyFileSync(join(this.post(1).folder, 'passphrase'), join(folder, 'passphrase'))
    await run('keygen', '--member', name, '--number', String(member), '--node', String(node), '--address', `/ip4/127.0.0.1/tcp/${p2p}`, '--rpc-port', String(rpc), '--out', folder, '--passphrase-file', join(folder, 'passphrase'), '--join')
    copyFileSync(this.genesis, join(folder, 'genesis.json'))
    await this.decide(by, 'add', '--card', join(folder, 'member.json'))
    await this.#peers(folder)
    const post: Post = { member, node, name, folder, custodian: join(folder, 'custodian.yaml'), governance: join(folder, 'governance.json'), config: join(folder, 'config.yaml'), rpc: '', child: undefined }
    this.posts.push(post)
    await this.boot(post)
  }

  async #peers(folder: string): Promise<void> {
    const { writeFileSync } = await import('node:fs')
    const { peersFileText } = await import('../../node/node-roster.ts')
    const { fromHex } = await import('../../primitives/bytes.ts')
    const { nodes } = await this.membership() as { readonly nodes: readonly { readonly node: number; readonly member: number; readonly transportKey: string; readonly addresses: readonly string[] }[] }
    writeFileSync(join(folder, 'peers.json'), peersFileText(nodes.map(({ node, member, transportKey, addresses }) => ({ node, member, transportKey: fromHex(transportKey), addresses }))))
  }

  /** Another node for a member whose node is dead: new keys and number, fresh data. */
  async replace(member: number, node: number, by: readonly number[]): Promise<void> {
    const post = this.post(member)
    const folder = join(post.folder, `node-${node}`)
    const [p2p, rpc, admin] = await freePorts(3)
    const address = `/ip4/127.0.0.1/tcp/${p2p}`
    await run('member', 'card', '--from', post.folder, '--out', folder, '--renew', 'node', '--member', String(member), '--name', post.name, '--node', String(node), '--address', address, '--passphrase-file', join(post.folder, 'passphrase'))
    copyFileSync(join(post.folder, 'passphrase'), join(folder, 'passphrase'))
    await this.decide(by, 'replace', '--card', join(folder, 'member.json'))
    await this.#peers(folder)
    const { writeMemberConfigs } = await import('../../node/member-keys.ts')
    const { config } = writeMemberConfigs({ folder, member, node, genesis: this.genesis, passphraseFile: 'passphrase', listen: [address], rpc: { host: '127.0.0.1', port: rpc! }, admin: { host: '127.0.0.1', port: admin! }, peers: 'peers.json' })
    post.node = node
    post.config = config
    await this.boot(post)
  }

  /** New transport and attestation keys for a member's node: the old process ends by itself once the change is in force, the new keystore takes its place. Returns whether it did. */
  async rotateNode(member: number, by: readonly number[]): Promise<boolean> {
    const post = this.post(member)
    const folder = join(post.folder, 'rotated-node')
    const card = JSON.parse(readFileSync(join(post.folder, 'member.json'), 'utf8')) as { readonly member: { readonly nodes: readonly { readonly addresses: readonly string[] }[] } }
    const addresses = card.member.nodes[0]!.addresses
    await run('member', 'card', '--from', post.folder, '--out', folder, '--renew', 'node', '--member', String(member), '--name', post.name, '--node', String(post.node), '--address', ...addresses, '--passphrase-file', join(post.folder, 'passphrase'))
    await this.decide(by, 'rotate', '--card', join(folder, 'member.json'))
    const ended = await Promise.race([post.child!.exited.then(() => true), new Promise<boolean>((done) => { setTimeout(() => done(false), 10_000).unref() })])
    await post.child!.stop()
    copyFileSync(join(folder, 'node.json'), join(post.folder, 'node.json'))
    await this.boot(post)
    return ended
  }

  /** New governance and operator keys for a member. */
  async rotateMember(member: number, by: readonly number[]): Promise<void> {
    const post = this.post(member)
    const folder = join(post.folder, 'rotated-member')
    const { nodes } = await this.membership() as { readonly nodes: readonly { readonly node: number; readonly addresses: readonly string[] }[] }
    const addresses = nodes.find(({ node }) => node === post.node)!.addresses
    await run('member', 'card', '--from', post.folder, '--out', folder, '--renew', 'member', '--member', String(member), '--name', post.name, '--node', String(post.node), '--address', ...addresses, '--passphrase-file', join(post.folder, 'passphrase'))
    await this.decide(by, 'rotate', '--card', join(folder, 'member.json'))
    copyFileSync(join(folder, 'governance.json'), post.governance)
    copyFileSync(join(folder, 'operator.json'), join(post.folder, 'operator.json'))
  }

  async boot(post: Post): Promise<void> {
    post.child = await startChild('node', ['start', '--config', post.config, '--json'], post.folder)
    post.rpc = String(post.child.ready['rpc'])
  }

  /** Without a word, as when the power fails. */
  async kill(member: number): Promise<void> {
    const post = this.post(member)
    post.child!.process.kill('SIGKILL')
    await post.child!.exited
    post.child = undefined
  }

  /** A member's node is stopped, its data are copied, it goes on; then it is killed and runs on the copy. Returns why the others refuse it from then on; all of them must. */
  async runOnCopy(member: number, meanwhile: () => Promise<unknown>): Promise<string> {
    const post = this.post(member)
    const data = join(post.folder, 'data')
    await this.retire(member)
    cpSync(data, `${data}.copy`, { recursive: true })
    await this.boot(post)
    // Those who have not heard of a start cannot miss it.
    await this.#seen(post, 'not connected to all others again', ({ connected }) => connected === true)
    await meanwhile()
    await new Promise((resolve) => setTimeout(resolve, TOLD_MS))
    await this.kill(member)
    rmSync(data, { recursive: true })
    renameSync(`${data}.copy`, data)
    await this.boot(post)
    const [first] = await this.#seen(post, 'on old data, and not everybody has noticed', ({ refused }) => typeof refused === 'string')
    return String(first!['refused'])
  }

  /** Waits until every other running node sees this one so; returns what they see. */
  async #seen({ member, node }: Post, otherwise: string, holds: (seen: Readonly<Record<string, unknown>>) => boolean): Promise<Record<string, unknown>[]> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 200))) {
      const lists = await Promise.all(this.running.filter((each) => each.member !== member).map(({ rpc }) => run('member', 'list', '--rpc', rpc))) as { readonly nodes: readonly Record<string, unknown>[] }[]
      const seen = lists.map(({ nodes }) => nodes.find((each) => each['node'] === node)!)
      if (seen.every(holds)) return seen
    }
    throw new Error(`node ${node} is ${otherwise}`)
  }

  async retire(member: number): Promise<void> {
    const post = this.post(member)
    await post.child!.stop()
    post.child = undefined
  }

  /** A majority is gone for good: the survivors go on by a statement that a quorum of all members signs offline. Returns what the command said of a second, rival statement. */
  async recover(survivors: readonly number[], signers: readonly number[]): Promise<{ readonly height: number; readonly rival: string }> {
    const posts = survivors.map((member) => this.post(member))
    for (const { member } of posts) await this.retire(member)
    const exported = posts.map(({ member }) => join(this.directory, `certificate-${member}.json`))
    const ends = []
    for (const [i, post] of posts.entries()) {
      const { term, height } = await run('recovery', 'export', '--config', post.config, '--out', exported[i]!)
      ends.push({ post, term: Number(term), height: Number(height) })
    }
    const [newest] = ends.toSorted((a, b) => b.term - a.term || b.height - a.height)
    const highest = newest!.post
    const statement = join(this.directory, 'recovery.json')
    const rival = join(this.directory, 'rival.json')
    const members = survivors.flatMap((member) => ['--members', String(member)])
    await run('recovery', 'propose', '--config', highest.config, ...members, '--out', statement, '--certificates', ...exported)
    await run('recovery', 'propose', '--config', highest.config, '--members', String(survivors[0]), '--out', rival, '--certificates', ...exported)
    const sign = (path: string, member: number): Promise<Outcome> => {
      const { governance, folder } = this.post(member)
      return stele(['recovery', 'sign', '--statement', path, '--member', String(member), '--governance', governance, '--passphrase-file', join(folder, 'passphrase')])
    }
    for (const member of signers.slice(1)) await sign(statement, member)
    const early = await stele(['recovery', 'open', '--config', highest.config, '--statement', statement, '--certificates', ...exported])
    if (!early.err.includes('RECOVERY_TOO_FEW')) throw new Error(`a statement with too few signatures was taken: ${early.out}${early.err}`)
    await sign(statement, signers[0]!)
    const second = await sign(rival, signers[0]!)
    for (const { config } of posts) await run('recovery', 'open', '--config', config, '--statement', statement, '--certificates', ...exported)
    await Promise.all(posts.map((post) => this.boot(post)))
    return { height: newest!.height, rival: second.err }
  }

  async stop(): Promise<void> {
    await Promise.all(this.running.map(({ child }) => child!.stop()))
  }
}
