import { readFileSync } from 'node:fs'
import { maybeFromHex, toHex } from '../primitives/bytes.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { configurationOf } from '../consensus/core/reconfiguration.ts'
import type { Configuration } from '../consensus/core/reconfiguration.ts'
import { readMember, readNode, readRoster } from '../contracts/index.ts'
import type { PendingStep, Reader } from '../contracts/index.ts'
import type { PeerRecord } from '../p2p/roster.ts'
import { openedRecovery } from './recovery-file.ts'
import type { NodeParts } from './node-parts.ts'

/** A learner that lags by at most this many entries may become a voter: the few it lacks arrive within a round trip or two. */
export const LEARNER_LAG_MAX = 64
/** A node that left is let go at the latest this long after its vote ended, in ms of block time: by then it has heard of it, or is gone. */
const LEAVING_MS_MAX = 5_000n

/** Every node the state names, with or without a vote: who may connect. */
export function nodesIn(reader: Reader): PeerRecord[] {
  const { nodes, learners, outgoing } = readRoster(reader)
  return [...new Set([...nodes, ...learners, ...outgoing])].sort((a, b) => a - b).flatMap((node) => {
    const found = readNode(reader, node)
    return found === undefined ? [] : [{ node, member: found.member, transportKey: found.transportKey, addresses: found.addresses }]
  })
}

export function genesisNodes(genesis: Genesis): PeerRecord[] {
  return genesis.members.flatMap(({ member, nodes }) => nodes.map(({ node, transportKey, addresses }) => ({ node, member, transportKey, addresses })))
}

/** Consensus' configuration as the state has it. */
export function configurationIn(reader: Reader): Configuration {
  const { nodes, learners, outgoing } = readRoster(reader)
  return { voters: nodes, outgoing, learners: learners.filter((id) => !outgoing.includes(id)), learnersNext: learners.filter((id) => outgoing.includes(id)), autoLeave: false }
}

/** The same, or the voters of a recovery that this node was told to open and that the state has not come to yet. */
export function configurationAtStart(reader: Reader, dataDir: string): Configuration {
  const recovery = openedRecovery(dataDir, readRoster(reader).epoch + 1)
  return recovery === undefined ? configurationIn(reader) : configurationOf(recovery.statement.set.voters.map(({ node }) => node))
}

/** The member that runs a node, by the state, and its name; `joining` while the state does not name the node yet. */
export function memberOfNode(reader: Reader, node: number): { readonly member: number; readonly name: string } {
  const found = readNode(reader, node)
  return found === undefined ? { member: 0, name: 'joining' } : { member: found.member, name: readMember(reader, found.member)?.name ?? 'unknown' }
}

/**
 * Whether the leader takes a step of a change of members that is left to it: a learner votes once it has nearly all of the log; who lost its vote is let go once
 * the block that took it is final and the node has heard of it, or is down.
 */
export function maySettle({ stage, node }: PendingStep, { driver, finality, ledger, executor, clock, rules }: Pick<NodeParts, 'driver' | 'finality' | 'ledger' | 'executor' | 'clock' | 'rules'>): boolean {
  const { peers, committedIndex } = driver.status
  const peer = peers.find(({ id }) => id === node)
  if (stage === 'promote' || stage === 'swap') return peer !== undefined && peer.recentlyActive && peer.state === 'replicate' && peer.match + LEARNER_LAG_MAX >= committedIndex
  const taken = rules.changeHeights.at(-1) ?? 0
  if (finality.finalHeight < taken) return false
  const index = ledger.indexOfHeight(taken) ?? 0
  // The commit of that entry reaches a follower with the next one.
  const heard = peer === undefined || (peer.match > index && committedIndex > index)
  return heard || !peer.recentlyActive || executor.tip.timeMs + LEAVING_MS_MAX < BigInt(clock.nowMs())
}

const FORMAT = 'stele-peers'

/** Text of a peers file: how a node that is not in the ledger yet finds the others. Public data only. */
export function peersFileText(nodes: readonly PeerRecord[]): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, nodes: nodes.map(({ node, member, transportKey, addresses }) => ({ node, member, transportKey: toHex(transportKey), addresses })) }, null, 2)}\n`
}

/** The nodes of genesis and those of the peers file; what the file says of a node counts. `PEERS_FILE_INVALID`. */
export function withCards(named: readonly PeerRecord[], path: string | undefined): PeerRecord[] {
  if (path === undefined) return [...named]
  const cards = readPeersFile(path)
  return [...named.filter(({ node }) => !cards.some((card) => card.node === node)), ...cards]
}

export function readPeersFile(path: string): PeerRecord[] {
  const refuse = (rule: string, cause?: unknown): never => {
    throw new SteleError({ code: 'PEERS_FILE_INVALID', message: 'this is no list of peers; it is the file that stele member peers wrote', details: { file: path, rule }, cause })
  }
  let value: { readonly format?: unknown; readonly version?: unknown; readonly nodes?: unknown } = {}
  try {
    value = JSON.parse(readFileSync(path, 'utf8')) as typeof value
  } catch (cause) {
    refuse(errorCode(cause) === undefined ? 'must be JSON' : `must be readable (${errorCode(cause)})`, cause)
  }
  if (value.format !== FORMAT || value.version !== 1 || !Array.isArray(value.nodes)) refuse(`must be a ${FORMAT} of version 1`)
  return (value.nodes as { readonly [name: string]: unknown }[]).map(({ node, member, transportKey, addresses }) => {
    const key = typeof transportKey === 'string' ? maybeFromHex(transportKey) : undefined
    const whole = [node, member].every((id) => Number.isSafeInteger(id) && Number(id) > 0)
    const listed = Array.isArray(addresses) && addresses.length <= 8 && addresses.every((address) => typeof address === 'string' && address.length <= 256)
    if (!whole || key?.length !== 32 || !listed) return refuse('every node has node, member, transportKey and addresses')
    return { node: Number(node), member: Number(member), transportKey: key, addresses: addresses as string[] }
  })
}
