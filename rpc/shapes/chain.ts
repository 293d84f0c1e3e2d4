import { Type } from 'typebox'
import type { Static } from 'typebox'
import { asOf, hash, height, hexBytes, hexUpTo, nodeNumber, nullable, oneOf, record, timeMs } from '../schema.ts'

export const chainInfo = record({
  chain: hash('chain id: hash of genesis'),
  epoch: Type.Integer({ minimum: 0 }),
  genesis: hexUpTo(256 * 1024, 'canonical bytes of genesis'),
  versions: record({ software: Type.String(), rpc: Type.Integer(), wire: Type.Integer(), storage: Type.Integer() }),
  members: Type.Integer({ minimum: 1 }),
  nodes: Type.Integer({ minimum: 1 }),
  certificateQuorum: Type.Integer({ minimum: 1, description: 'attestations that make a block final' }),
  asOf,
})
export type ChainInfo = Static<typeof chainInfo>

export const blockSummary = record({
  height, hash: hash('block hash'), parent: hash('hash of the parent'), term: Type.Integer({ minimum: 0 }), epoch: Type.Integer({ minimum: 0 }), timeMs,
  proposer: nullable(nodeNumber), transactions: Type.Integer({ minimum: 0, description: 'number of transactions' }),
  stateRoot: hash('state root'), txRoot: hash('transaction root'), eventRoot: hash('event root'),
  final: Type.Boolean({ description: 'certified, by itself or as an ancestor' }),
}, 'a committed block; decoded for reading, the bytes are in `header`')
export type BlockSummary = Static<typeof blockSummary>

export const chainHead = record({
  committed: blockSummary,
  final: record({ height, hash: hash('block hash') }, 'the newest block known to be final'),
  asOf,
})
export type ChainHead = Static<typeof chainHead>

export const block = record({
  summary: blockSummary,
  header: hexUpTo(2048, 'canonical bytes of the header'),
  signature: nullable(hexBytes(64, 'signature of the proposer')),
  finality: nullable(hexUpTo(64 * 1024, 'certificate, with the path from a certified descendant where there is one; null until final')),
  transactions: nullable(Type.Array(hexUpTo(64 * 1024, 'canonical bytes of a transaction'))),
  receipts: nullable(Type.Array(hexUpTo(1024 * 1024, 'canonical bytes of a receipt'))),
  asOf,
})
export type Block = Static<typeof block>

export const proofBundle = record({
  bundle: Type.String({ maxLength: 8 * 1024 * 1024, description: 'text of the proof bundle: save it byte for byte; verifies offline' }),
  certified: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'height of the block whose certificate carries it' }),
  asOf,
})
export type ProofBundleText = Static<typeof proofBundle>

export const stateProof = record({
  key: hexUpTo(512, 'state key'),
  value: nullable(Type.String({ pattern: '^(?:[0-9a-f]{2})*$', description: 'bytes under the key; null when absent' })),
  presence: oneOf(['present', 'absent']),
  height,
  proof: hexUpTo(256 * 1024, 'state proof: path, header and finality; verifies offline'),
  asOf,
})
export type StateProof = Static<typeof stateProof>

export const stateProofs = record({
  height, proven: Type.Integer({ minimum: 1, description: 'how many of the keys, from the first on; ask again for the rest' }),
  proof: hexUpTo(2 * 1024 * 1024, 'proof of all of them: header, finality, and for each key its value and path; verifies offline'), asOf,
})
export type StateProofs = Static<typeof stateProofs>

export const memberLinks = record({ links: Type.Array(Type.String({ pattern: '^(?:[0-9a-f]{2})+$', description: 'canonical bytes of one step (primitives/member-history.ts)' })), asOf })
export type MemberLinks = Static<typeof memberLinks>
