import { Type } from 'typebox'
import type { Static } from 'typebox'
import { asOf, hash, height, hexBytes, memberNumber, nodeNumber, nullable, oneOf, record, timeMs, transactionId } from '../schema.ts'

const count = Type.Integer({ minimum: 0 })
const text = Type.String({ maxLength: 256 })

export const clusterNode = record({
  node: nodeNumber, member: memberNumber, name: Type.String({ maxLength: 64 }), role: oneOf(['leader', 'follower', 'candidate', 'learner', 'unreachable']),
  reachable: Type.Boolean(), term: nullable(count), height: nullable(height), finalHeight: nullable(height), lag: nullable(count),
  version: nullable(text), uptimeMs: nullable(count), problems: Type.Array(text, { maxItems: 32 }),
})

export const clusterStatus = record({
  chain: hash('chain id'), leader: nullable(nodeNumber), term: count, height, finalHeight: height,
  quorum: record({ voters: count, reachable: count, writes: count, finality: count, failuresLeft: count }, 'voters; reachable ones; how many writes and finality need; how many more may fail'),
  nodes: Type.Array(clusterNode, { maxItems: 64 }), asOf,
})
export type ClusterStatus = Static<typeof clusterStatus>

export const evidenceItem = record({
  kind: oneOf(['attestation', 'header', 'vote'], 'two attestations at one height, two headers of a leader at one height of its term, or two votes in one term'),
  node: nodeNumber, member: memberNumber, epoch: count, term: count, at: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'the height; of votes, the term' }), seenAt: timeMs,
  evidence: Type.String({ pattern: '^(?:[0-9a-f]{2})+$', maxLength: 16384, description: 'both signed statements, canonical bytes: whoever has genesis can check them' }),
})
export const evidenceList = record({ items: Type.Array(evidenceItem, { maxItems: 6400 }), asOf })
export type EvidenceList = Static<typeof evidenceList>

export const nodeInfo = record({
  node: nodeNumber, member: memberNumber, name: Type.String({ maxLength: 64 }), chain: hash('chain id'), role: oneOf(['leader', 'follower', 'candidate', 'learner']),
  mode: oneOf(['normal', 'repair', 'fenced', 'stopping']), leader: nullable(nodeNumber), term: count,
  versions: record({ software: text, rpc: count, wire: count, storage: count }), startedAt: timeMs, peers: count, mempool: count,
  peer: text, listen: Type.Array(text, { maxItems: 16 }),
  firstHeight: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'lowest block the node keeps' }), snapshotHeight: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'its newest certified snapshot; 0 when it has none' }),
  modeReason: nullable(text), contracts: Type.Array(record({ name: text, version: count }), { maxItems: 64, description: 'the newest version of each contract that this node holds, in force or not' }), asOf,
})
export type NodeInfo = Static<typeof nodeInfo>

/** Change of a proposal as its schema in primitives/calls/membership.ts has it: bytes as lower-case hex. */
const change = Type.Unknown()
const key = (description: string) => hexBytes(32, description)

export const membership = record({
  epoch: count, voters: Type.Array(nodeNumber), learners: Type.Array(nodeNumber), outgoing: Type.Array(nodeNumber), needed: count,
  nextMember: memberNumber, nextNode: nodeNumber,
  members: Type.Array(record({ member: memberNumber, name: Type.String({ maxLength: 64 }), active: Type.Boolean(), node: nullable(nodeNumber), governanceKey: key('governance key') })),
  nodes: Type.Array(record({
    node: nodeNumber, member: memberNumber, role: oneOf(['voter', 'learner']), transportKey: key('transport key'), attestationKey: key('attestation key'), addresses: Type.Array(text),
    connected: Type.Boolean(), lag: nullable(count), refused: nullable(text),
  })),
  activations: Type.Array(record({ contract: text, version: count, height }), { description: 'contract versions that the members have activated, with the height of their first block' }),
  parameters: Type.Unknown({ description: 'chain parameters in force, as in a genesis file' }),
  open: nullable(transactionId),
  underWay: nullable(record({ proposal: transactionId, stage: Type.String(), node: Type.Integer({ minimum: 0 }), since: height, change })),
  proposals: Type.Array(record({
    proposal: transactionId, member: memberNumber, state: oneOf(['open', 'passed', 'rejected', 'withdrawn', 'expired']), until: timeMs, height, change,
    ballots: Type.Array(record({ member: memberNumber, vote: oneOf(['yes', 'no']), reason: Type.String(), text: nullable(hash('hash of a text kept elsewhere')), height })),
  })),
  asOf,
})
export type Membership = Static<typeof membership>
