import { fromHex, toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { evidenceSchema } from '../../primitives/evidence.ts'
import { SteleError } from '../../primitives/error.ts'
import { certificateQuorum, commitQuorum } from '../../primitives/member-set.ts'
import type { Caller, ClusterPort, NodeReadings, ReadingsPort } from '../../rpc/ports.ts'
import type { ReleaseCheck as ReleaseCheckJson } from '../../rpc/shapes/access.ts'
import { membershipOf } from './membership.ts'
import type { ClusterStatus, EvidenceList, Membership, NodeInfo } from '../../rpc/shapes/cluster.ts'
import { readerOf, readMember } from '../../contracts/index.ts'
import type { Logger } from '../../primitives/ports.ts'
import { memberOfNode } from '../node-roster.ts'
import { RefusedBy, refusalsIn } from '../refused-by.ts'
import type { Refusal } from '../refused-by.ts'
import type { ReleaseCheck } from '../release-check.ts'
import type { SteleNode } from '../stele-node.ts'
import { STELE_VERSION, VERSIONS } from '../version.ts'
import type { Head } from './head.ts'

const METHOD = 'status'
const STATUS_TIMEOUT_MS = 1_500

/** What a node says of itself when another asks. JSON between nodes of one version line; unknown members are ignored. */
interface OwnStatus { readonly role: 'leader' | 'follower' | 'candidate'; readonly term: number; readonly height: number; readonly finalHeight: number; readonly version: string; readonly uptimeMs: number; readonly problems: string[]; readonly refuses: readonly Refusal[] }

/** State of this node and of the whole cluster, asked from every member. */
export class NodeCluster implements ClusterPort, ReadingsPort {
  readonly #node: SteleNode
  readonly #release: ReleaseCheck
  readonly #head: Head
  readonly #refusedBy: RefusedBy

  constructor(node: SteleNode, release: ReleaseCheck, head: Head, logger: Logger) {
    this.#node = node
    this.#release = release
    this.#head = head
    const { config, rules } = node.parts
    this.#refusedBy = new RefusedBy({ self: config.node, voters: () => rules.members.voters.length, ask: async (other) => (await this.#ask(other, new AbortController().signal))?.refuses, logger })
  }

  /** Answers other nodes' questions from now on, and asks each that connects whether this node's words count there. */
  start(): void {
    const { network } = this.#node.parts
    for (const node of network.peers.connectedNodes()) this.#refusedBy.connected(node)
    network.peers.onConnection((node, connection) => { if (connection !== undefined) this.#refusedBy.connected(node) })
    network.sync.handle(METHOD, () => Promise.resolve(new TextEncoder().encode(JSON.stringify(this.#own()))))
  }

  async status(signal: AbortSignal): Promise<ClusterStatus> {
    const { rules, world, config, network, store, driver, contradictions, presence } = this.#node.parts
    const reader = readerOf(world.view())
    const own = this.#own()
    const answers = await Promise.all(rules.members.voters.map(async ({ node, member }) => {
      const name = readMember(reader, member)?.name ?? 'unknown'
      const status = node === config.node ? own : await this.#ask(node, signal)
      return { node, member, name, status }
    }))
    const newest = Math.max(...answers.map(({ status }) => status?.height ?? 0))
    const voters = rules.members.voters.length
    const reachable = answers.filter(({ node, status }) => status !== undefined && presence.refused(node) === undefined && (node !== config.node || this.#refusedBy.nodes.length === 0)).length
    const [writes, finality] = [commitQuorum(voters), certificateQuorum(voters)]
    const { leader, term } = driver.status
    /** What a node does not say of itself. */
    const foundOut = (node: number): string[] => {
      const [contradiction, refused] = [contradictions.of(node), presence.refused(node)]
      return [...(refused === undefined ? [] : [`has no vote: ${refused}`]), ...(contradiction === undefined ? [] : [`attests to another block than node ${config.node} holds at height ${contradiction.height}`])]
    }
    return {
      chain: toHex(rules.chain), leader: leader === 0 ? null : leader, term, height: store.height, finalHeight: store.finalHeight,
      quorum: { voters, reachable, writes, finality, failuresLeft: Math.max(0, reachable - writes) },
      nodes: answers.map(({ node, member, name, status }) => status === undefined
        ? { node, member, name, role: 'unreachable' as const, reachable: false, term: null, height: null, finalHeight: null, lag: null, version: null, uptimeMs: null, problems: [...foundOut(node), `no answer within ${STATUS_TIMEOUT_MS} ms${network.raft.reachable().includes(node) ? '' : ', not connected'}`] }
        : { node, member, name, reachable: true, lag: newest - status.height, role: status.role, term: status.term, height: status.height, finalHeight: status.finalHeight, version: status.version, uptimeMs: status.uptimeMs, problems: [...foundOut(node), ...status.problems] }),
      asOf: this.#head.asOf,
    }
  }

  nodeInfo(): NodeInfo {
    const { config, world, rules, driver, mempool, network, startedAtMs } = this.#node.parts
    const { leader, term } = driver.status
    const { member, name } = memberOfNode(readerOf(world.view()), config.node)
    return {
      node: config.node, member, name, chain: toHex(rules.chain), role: this.#role(), mode: this.#node.mode === 'starting' ? 'normal' : this.#node.mode,
      leader: leader === 0 ? null : leader, term, versions: VERSIONS, startedAt: startedAtMs, peers: network.raft.reachable().length, mempool: mempool.size,
      peer: network.host.peerId, listen: network.host.addresses(), firstHeight: this.#node.parts.store.floor, snapshotHeight: this.#node.parts.maker.newestHeight, modeReason: this.#node.repairReason?.slice(0, 256) ?? null, contracts: [...this.#node.parts.registry.newest()], asOf: this.#head.asOf,
    }
  }

  membership(): Membership {
    return membershipOf(this.#node.parts, this.#head.asOf)
  }

  evidence(): EvidenceList {
    const items = this.#node.parts.evidence.list.map(({ proven: { kind, node, member, epoch, term, at }, seenAtMs, evidence }) => ({
      kind, node, member, epoch, term, at: Number(at), seenAt: seenAtMs, evidence: toHex(encode(evidenceSchema, evidence)),
    }))
    return { items, asOf: this.#head.asOf }
  }

  async releaseCheck({ request, nonce }: { readonly request: string; readonly nonce: string }, caller: Caller, signal: AbortSignal): Promise<ReleaseCheckJson> {
    if (caller.kind !== 'institution' && caller.kind !== 'service') throw new SteleError({ code: 'RPC_FORBIDDEN', message: 'release checks are for custodian institutions' })
    const { heads, needed, code, checkedAt } = await this.#release.check(fromHex(request), fromHex(nonce), signal)
    const memberOf = (node: number): number => this.#node.parts.rules.members.voters.find((voter) => voter.node === node)?.member ?? 0
    return {
      request, nonce, needed, release: code === 'OK', code, checkedAt: { ...checkedAt, hash: toHex(checkedAt.hash) },
      heads: heads.map(({ content, signature }) => ({ member: memberOf(content.node), node: content.node, height: Number(content.height), hash: toHex(content.block), term: content.term, timeMs: Number(content.timeMs), signature: toHex(signature) })),
      asOf: this.#head.asOf,
    }
  }

  read(): NodeReadings {
    const { driver, store, finality, rules, network, mempool, config, presence } = this.#node.parts
    const reachable = new Set(network.raft.reachable())
    const status = driver.status
    const voters = rules.members.voters.length
    return {
      mode: this.#node.mode, leader: status.leader === 0 ? null : status.leader, isLeader: status.role === 'leader', term: status.term, leaderChanges: this.#node.leaderChanges,
      commitIndex: status.committedIndex, appliedIndex: this.#node.parts.world.appliedIndex, height: store.height, finalHeight: finality.finalHeight, finalityLagMs: this.#node.finalityLagMs,
      voters, votersReachable: rules.members.voters.filter(({ node }) => node === config.node ? this.#refusedBy.nodes.length === 0 : reachable.has(node) && presence.refused(node) === undefined).length, writeQuorum: commitQuorum(voters), certificateQuorum: certificateQuorum(voters), peers: network.raft.reachable().length,
      mempoolTransactions: mempool.size, mempoolBytes: mempool.bytes,
      storage: { ok: this.#node.parts.ledger.failure() === undefined, freeBytes: this.#node.freeBytes, databaseBytes: this.#node.databaseBytes, ledgerBytes: this.#node.ledgerBytes },
      refusedBy: this.#refusedBy.nodes,
      keysAhead: this.#node.parts.ownKeys.standing === 'ahead',
      syncing: status.committedIndex - this.#node.parts.world.appliedIndex > 100,
    }
  }

  #role(): OwnStatus['role'] {
    const { role } = this.#node.parts.driver.status
    return role === 'preCandidate' ? 'candidate' : role
  }

  #own(): OwnStatus {
    const { driver, store, finality, clock, startedAtMs, ledger, evidence, contradictions, clocks, network, presence, ownKeys, versions } = this.#node.parts
    const refuses = network.roster.peers().flatMap(({ node }) => {
      const reason = presence.refused(node)
      return reason === undefined ? [] : [{ node, reason }]
    })
    const problems = [...(this.#node.mode === 'fenced' ? ['fenced: a majority refused its blocks'] : []), ...(ledger.failure() === undefined ? [] : ['ledger failed']), ...(ownKeys.standing === 'ahead' ? ['its ledger names other keys for it: it has no vote'] : []), ...versions.problems(store.height), ...(clocks.isSound ? [] : [`clock ${Math.round(-clocks.offsetMs)} ms off the members' median: it does not lead`]), ...(this.#refusedBy.nodes.length === 0 ? [] : [`has no vote: nodes ${this.#refusedBy.nodes.join(', ')} refuse it`]), ...refuses.slice(0, 8).map(({ node, reason }) => `node ${node} is refused: ${reason}`), ...contradictions.list.slice(0, 8).map(({ node, height }) => `node ${node} attests to another block than the one here at height ${height}`), ...evidence.accused.slice(0, 8).map((node) => `evidence against node ${node}: see cluster_evidence`)]
    return { role: this.#role(), term: driver.status.term, height: store.height, finalHeight: finality.finalHeight, version: STELE_VERSION, uptimeMs: clock.nowMs() - startedAtMs, problems, refuses }
  }

  async #ask(node: number, signal: AbortSignal): Promise<OwnStatus | undefined> {
    try {
      const answer = JSON.parse(new TextDecoder().decode(await this.#node.parts.network.sync.request(node, METHOD, new Uint8Array(0), { timeoutMs: STATUS_TIMEOUT_MS, signal, maxBytes: 16 * 1024 }))) as Partial<OwnStatus>
      const whole = (value: unknown): number => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0)
      const role = answer.role === 'leader' || answer.role === 'candidate' ? answer.role : 'follower'
      const problems = Array.isArray(answer.problems) ? answer.problems.filter((problem) => typeof problem === 'string').slice(0, 16).map((problem) => problem.slice(0, 200)) : []
      return { role, term: whole(answer.term), height: whole(answer.height), finalHeight: whole(answer.finalHeight), version: String(answer.version).slice(0, 64), uptimeMs: whole(answer.uptimeMs), problems, refuses: refusalsIn(answer.refuses) }
    } catch (error) {
      if (error instanceof SteleError || error instanceof SyntaxError) return undefined // Shown as unreachable.
      throw error
    }
  }
}
