import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF, SAMPLE_TIME_MS } from '../samples.ts'
import { clusterStatus, evidenceList, membership, nodeInfo } from '../shapes/cluster.ts'

export const clusterStatusMethod = defineMethod({
  name: 'cluster_status',
  summary: 'Shows every node as this one sees it: role, term, height, lag, and how many more may fail.',
  params: {},
  result: clusterStatus,
  errors: [],
  examples: [{
    name: 'a healthy cluster', params: {},
    result: {
      chain: SAMPLE.chain, leader: 2, term: 7, height: 1042, finalHeight: 1041, quorum: { voters: 4, reachable: 4, writes: 3, finality: 3, failuresLeft: 1 },
      nodes: [{ node: 2, member: 2, name: 'hospital-b', role: 'leader', reachable: true, term: 7, height: 1042, finalHeight: 1041, lag: 0, version: '0.1.0', uptimeMs: 3_600_000, problems: [] }],
      asOf: SAMPLE_AS_OF,
    },
  }],
  access: 'public',
  rateClass: 'heavy',
  handle: (ports, _params, context) => ports.cluster.status(context.signal),
})

export const clusterEvidence = defineMethod({
  name: 'cluster_evidence',
  summary: 'Lists what proves that members signed two different things.',
  description: 'What this node found or was told, oldest first; empty when all is well. One item per misdeed, at most 100 per node. Kept in evidence.ndjson of the data folder.',
  params: {},
  result: evidenceList,
  errors: [],
  examples: [{ name: 'two votes in one term', params: {}, result: { items: [{ kind: 'vote', node: 2, member: 2, epoch: 0, term: 7, at: 7, seenAt: SAMPLE_TIME_MS, evidence: SAMPLE.bytes }], asOf: SAMPLE_AS_OF } }],
  access: 'public',
  rateClass: 'heavy',
  handle: (ports) => ports.cluster.evidence(),
})

export const nodeInfoMethod = defineMethod({
  name: 'node_info',
  summary: 'Describes the node that answers.',
  params: {},
  result: nodeInfo,
  errors: [],
  examples: [{
    name: 'a follower', params: {},
    result: {
      node: 1, member: 1, name: 'hospital-a', chain: SAMPLE.chain, role: 'follower', mode: 'normal', leader: 2, term: 7, versions: { software: '0.1.0', rpc: 1, wire: 1, storage: 1 },
      startedAt: SAMPLE_TIME_MS, peers: 3, mempool: 0, peer: '12D3KooWExample', listen: ['/ip4/127.0.0.1/tcp/9001'], firstHeight: 1, snapshotHeight: 0, modeReason: null, contracts: [{ name: 'identity', version: 1 }], asOf: SAMPLE_AS_OF,
    },
  }],
  access: 'public',
  rateClass: 'read',
  handle: (ports) => ports.cluster.nodeInfo(),
})

export const clusterMembership = defineMethod({
  name: 'cluster_membership',
  summary: 'Shows who takes part by the ledger, which numbers come next, the proposals and votes, and how far each node is, as the answering node sees it.',
  params: {},
  result: membership,
  errors: [],
  examples: [{
    name: 'a learner catches up', params: {},
    result: {
      epoch: 0, voters: [1, 2, 3], learners: [4], outgoing: [], needed: 2, nextMember: 5, nextNode: 5,
      members: [{ member: 1, name: 'hospital-a', active: true, node: 1, governanceKey: SAMPLE.sealKey }],
      nodes: [{ node: 4, member: 4, role: 'learner', transportKey: SAMPLE.sealKey, attestationKey: SAMPLE.sealKey, addresses: ['/ip4/203.0.113.5/tcp/9000'], connected: true, lag: 120, refused: null }],
      activations: [{ contract: 'identity', version: 2, height: 2000 }], parameters: { replication: 3 }, open: null, underWay: { proposal: SAMPLE.transaction, stage: 'promote', node: 4, since: 1040, change: { kind: 'add', value: {} } },
      proposals: [{ proposal: SAMPLE.transaction, member: 1, state: 'passed', until: SAMPLE_TIME_MS, height: 1030, change: { kind: 'add', value: {} }, ballots: [{ member: 1, vote: 'yes', reason: 'agreed', text: null, height: 1031 }] }],
      asOf: SAMPLE_AS_OF,
    },
  }],
  access: 'public',
  rateClass: 'read',
  handle: (ports) => ports.cluster.membership(),
})
