import { Type } from 'typebox'
import type { Static } from 'typebox'
import { asOf, hash, height, memberNumber, nodeNumber, nullable, oneOf, record, timeMs } from '../schema.ts'

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

export const nodeInfo = record({
  node: nodeNumber, member: memberNumber, name: Type.String({ maxLength: 64 }), chain: hash('chain id'), role: oneOf(['leader', 'follower', 'candidate', 'learner']),
  mode: oneOf(['normal', 'repair', 'fenced', 'stopping']), leader: nullable(nodeNumber), term: count,
  versions: record({ software: text, rpc: count, wire: count, storage: count }), startedAt: timeMs, peers: count, mempool: count,
  peer: text, listen: Type.Array(text, { maxItems: 16 }), asOf,
})
export type NodeInfo = Static<typeof nodeInfo>
