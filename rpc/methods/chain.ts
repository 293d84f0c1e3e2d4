import { Type } from 'typebox'
import { rpcError } from '../refuse.ts'
import { defineMethod } from '../registry.ts'
import { SAMPLE, SAMPLE_AS_OF, SAMPLE_TIME_MS } from '../samples.ts'
import { callerOf } from '../signed.ts'
import { accountId, auth, consentId, hash, height, hexUpTo, oneOf, recordId, transactionId } from '../schema.ts'
import { STATE_KEYS_MAX } from '../../primitives/state-bundle.ts'
import type { RpcPorts } from '../ports.ts'
import { block, chainHead, chainInfo, memberLinks, proofBundle, stateProof, stateProofs } from '../shapes/chain.ts'

const summary = {
  height: 1042, hash: SAMPLE.block, parent: SAMPLE.parent, term: 7, epoch: 0, timeMs: SAMPLE_TIME_MS, proposer: 2, transactions: 12,
  stateRoot: SAMPLE.root, txRoot: SAMPLE.hash, eventRoot: SAMPLE.hash, final: true,
}

export const chainInfoMethod = defineMethod({
  name: 'chain_info',
  summary: 'Names the chain: its id, genesis, versions and size.',
  params: {},
  result: chainInfo,
  errors: [],
  examples: [{ name: 'info', params: {}, result: { chain: SAMPLE.chain, epoch: 0, genesis: SAMPLE.bytes, versions: { software: '0.1.0', rpc: 1, wire: 1, storage: 1 }, members: 4, nodes: 4, certificateQuorum: 3, asOf: SAMPLE_AS_OF } }],
  access: 'public',
  rateClass: 'read',
  handle: (ports) => ports.chain.info(),
})

export const chainHeadMethod = defineMethod({
  name: 'chain_head',
  summary: 'Gives the newest committed block and the newest final one.',
  params: {},
  result: chainHead,
  errors: [],
  examples: [{ name: 'head', params: {}, result: { committed: { ...summary, final: false }, final: { height: 1041, hash: SAMPLE.parent }, asOf: SAMPLE_AS_OF } }],
  access: 'public',
  rateClass: 'read',
  handle: (ports) => ports.chain.head(),
})

export const chainBlock = defineMethod({
  name: 'chain_block',
  summary: 'Gives a committed block: its header and certificate, and its body to accounts of a member.',
  description: 'Name a height, a hash, or the newest committed (as without any) or final block. `bodies` needs a request signed by an account of kind institution.',
  params: {
    height: Type.Optional(height), hash: Type.Optional(hash('block hash')), newest: Type.Optional(oneOf(['committed', 'final'])),
    bodies: Type.Optional(Type.Boolean({ description: 'transactions and receipts too' })), auth: Type.Optional(auth),
  },
  result: block,
  errors: ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', 'RPC_FORBIDDEN'],
  examples: [{ name: 'header by height', params: { height: 1042 }, result: { summary, header: SAMPLE.bytes, signature: SAMPLE.signature, finality: SAMPLE.bytes, transactions: null, receipts: null, asOf: SAMPLE_AS_OF } }],
  access: 'public',
  rateClass: 'heavy',
  handle: (ports, { height: atHeight, hash: ofHash, newest, bodies = false }, { caller }) => {
    const named = [atHeight, ofHash, newest].filter((each) => each !== undefined).length
    if (named > 1) throw rpcError('RPC_PARAMS_INVALID', 'a block is named in one way', { issues: [{ path: '/params', message: 'give one of height, hash and newest' }] })
    if (bodies && caller === undefined) throw rpcError('RPC_UNAUTHENTICATED', 'block bodies need a signed request')
    if (bodies && caller?.kind !== 'institution') throw rpcError('RPC_FORBIDDEN', 'block bodies are for members')
    const selector = atHeight !== undefined ? { height: atHeight } : ofHash !== undefined ? { hash: ofHash } : (newest ?? 'committed')
    return ports.chain.block(selector, bodies)
  },
})

export const chainProof = defineMethod({
  name: 'chain_proof',
  summary: 'Proves what the state holds, or does not hold, under a key.',
  description: 'Name the key itself, or the account, consent or record it belongs to. The proof verifies offline against the members of genesis. Members and accounts are proven to any account; a record or a consent to its patient and the patient\'s institution, a consent to its grantee too; what is kept under an account to that account; everything to institutions.',
  params: { key: Type.Optional(hexUpTo(512, 'state key')), account: Type.Optional(accountId), consent: Type.Optional(consentId), record: Type.Optional(recordId), atHeight: Type.Optional(height), auth },
  result: stateProof,
  errors: ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', 'PROOF_HEIGHT_UNAVAILABLE', 'RPC_UNAVAILABLE'],
  examples: [{ name: 'of a consent', params: { consent: SAMPLE.consent, auth: SAMPLE.auth }, result: { key: SAMPLE.bytes, value: SAMPLE.bytes, presence: 'present', height: 1041, proof: SAMPLE.bytes, asOf: SAMPLE_AS_OF } }],
  access: 'signed',
  rateClass: 'heavy',
  handle: (ports, { atHeight, ...subject }, context) => {
    const keys = keysOf(ports, subject)
    const [key] = keys
    if (keys.length !== 1 || key === undefined) throw rpcError('RPC_PARAMS_INVALID', 'one thing is proven at a time', { issues: [{ path: '/params', message: 'give one of key, account, consent and record' }] })
    return ports.chain.proof({ key, atHeight: atHeight ?? null }, callerOf(context))
  },
})

export const chainProofs = defineMethod({
  name: 'chain_proofs',
  summary: 'Proves what the state holds, or does not hold, under several keys at one height.',
  description: 'For institutions, who check many consents at once. One certificate proves all; the answer covers the first keys, as many as fit.',
  params: { keys: Type.Array(hexUpTo(512, 'state key'), { minItems: 1, maxItems: STATE_KEYS_MAX }), auth },
  result: stateProofs,
  errors: ['RPC_UNAUTHENTICATED', 'RPC_FORBIDDEN', 'RPC_UNAVAILABLE'],
  examples: [{ name: 'two keys', params: { keys: [SAMPLE.bytes, SAMPLE.hash], auth: SAMPLE.auth }, result: { height: 1041, proven: 2, proof: SAMPLE.bytes, asOf: SAMPLE_AS_OF } }],
  access: 'signed',
  rateClass: 'heavy',
  handle: (ports, { keys }, context) => ports.chain.proofs(keys, callerOf(context)),
})

interface Subject { readonly key?: string; readonly account?: string; readonly consent?: string; readonly record?: string }

/** State keys of the things a caller named. */
function keysOf(ports: RpcPorts, { key, account, consent, record }: Subject): string[] {
  return [
    ...(key === undefined ? [] : [key]),
    ...(account === undefined ? [] : [ports.chain.keyOf({ kind: 'account', id: account })]),
    ...(consent === undefined ? [] : [ports.chain.keyOf({ kind: 'consent', id: consent })]),
    ...(record === undefined ? [] : [ports.chain.keyOf({ kind: 'record', id: record })]),
  ]
}

export const chainBundle = defineMethod({
  name: 'chain_bundle',
  summary: 'Gives one file that proves a transaction, a state key, or both, with no node.',
  description: 'The receipt of `transaction`, the presence or absence of one of `key`, `account`, `consent` and `record` (as `chain_proof`, which says who may), the certificate, and every change of members from genesis to it. `checkpoint` names a final block the verifier pins: the proof then begins there. Save the text byte for byte; `stele verify proof` checks it.',
  params: {
    transaction: Type.Optional(transactionId), key: Type.Optional(hexUpTo(512, 'state key')), account: Type.Optional(accountId), consent: Type.Optional(consentId), record: Type.Optional(recordId),
    checkpoint: Type.Optional(hash('hash of a final block')), auth: Type.Optional(auth),
  },
  result: proofBundle,
  errors: ['RPC_NOT_FOUND', 'RPC_UNAUTHENTICATED', 'RPC_UNAVAILABLE'],
  examples: [{ name: 'of a transaction', params: { transaction: SAMPLE.transaction }, result: { bundle: '{"certified":{}}\n', certified: 1042, asOf: SAMPLE_AS_OF } }],
  access: 'public',
  rateClass: 'heavy',
  handle: (ports, { transaction, checkpoint, ...subject }, { caller }) => {
    const keys = keysOf(ports, subject)
    if (keys.length > 1 || (keys.length === 0 && transaction === undefined)) throw rpcError('RPC_PARAMS_INVALID', 'there is nothing to prove, or too much', { issues: [{ path: '/params', message: 'give transaction, or one of key, account, consent and record, or both' }] })
    if (keys.length === 1 && caller === undefined) throw rpcError('RPC_UNAUTHENTICATED', 'state is proven to signed requests')
    return ports.chain.bundle({ transaction: transaction ?? null, key: keys[0] ?? null, checkpoint: checkpoint ?? null }, caller)
  },
})

export const chainMembers = defineMethod({
  name: 'chain_members',
  summary: 'Leads from the voters of genesis to those of now: every change of members with the certificate of the voters before it.',
  params: {},
  result: memberLinks,
  errors: [],
  examples: [{ name: 'no change yet', params: {}, result: { links: [], asOf: SAMPLE_AS_OF } }],
  access: 'public',
  rateClass: 'heavy',
  handle: (ports) => ports.chain.memberLinks(),
})
