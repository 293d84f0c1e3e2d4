import { equalBytes, toHex } from '../primitives/bytes.ts'
import { decodeBlock, decodeHeader, headerSigningBytes } from '../primitives/block.ts'
import type { BlockEnvelope, BlockHeader } from '../primitives/block.ts'
import { decode } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { merkleRoot } from '../primitives/merkle.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import { signedRecovery } from '../primitives/recovery.ts'
import type { SignedRecovery } from '../primitives/recovery.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { HeaderRules } from './chain-rules.ts'
import type { Tip } from './executed-block.ts'

/** A block entry whose header belongs to its transactions' bytes, which are not decoded. */
export interface OpenedBlock {
  readonly envelope: BlockEnvelope
  readonly header: BlockHeader
}

export interface ReadBlock extends OpenedBlock {
  readonly transactions: readonly Transaction[]
  /** The signed statement that the first block of a later epoch carries instead of transactions. */
  readonly recovery: SignedRecovery | undefined
}

function refuse(rule: string, details: Record<string, unknown> = {}): never {
  throw new SteleError({ code: 'BLOCK_INVALID', message: 'the block breaks a rule of the chain', details: { rule, ...details } })
}

/** Opens a block entry strictly: shape, count, transaction root. Throws `BLOCK_INVALID` or CODEC_*. */
export function openBlock(data: Uint8Array, chain: Uint8Array): OpenedBlock {
  const envelope = decodeBlock(data)
  const header = decodeHeader(envelope.header)
  if (header.v !== 1) refuse('header version must be 1', { version: header.v })
  if (!equalBytes(header.chain, chain)) refuse('the header names another chain')
  if (header.count !== envelope.transactions.length) refuse('the count is that of the transactions', { count: header.count, transactions: envelope.transactions.length })
  if (!equalBytes(merkleRoot(envelope.transactions), header.txRoot)) refuse('the transaction root is that of the transactions', { height: Number(header.height) })
  return { envelope, header }
}

/** Reads the transactions of an opened block strictly. What depends on the parent is checked by `checkHeader`. Throws CODEC_* or TX_*. */
export function readOpened({ envelope, header }: OpenedBlock, read: (bytes: Uint8Array) => Transaction): ReadBlock {
  const recovery = recoveryIn(envelope, header)
  const transactions = recovery === undefined ? envelope.transactions.map(read) : []
  return { envelope, header, transactions, recovery }
}

/** `openBlock`, then `readOpened`. */
export function readBlock(data: Uint8Array, chain: Uint8Array): ReadBlock {
  return readOpened(openBlock(data, chain), (bytes) => decodeTransaction(bytes, chain))
}

/** The recovery statement that a block carries; undefined for a block of transactions. */
export function recoveryIn({ transactions }: BlockEnvelope, { epoch }: BlockHeader): SignedRecovery | undefined {
  const [only] = transactions
  if (epoch === 0 || only === undefined || transactions.length > 1) return undefined
  try {
    return decode(signedRecovery, only)
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') === true) return undefined // A transaction: its members have other names.
    throw error
  }
}

/** The proposer's signature over the header, under this key. */
export function proposalItem({ header: { chain }, envelope }: ReadBlock, publicKey: Uint8Array): SignatureItem {
  return { publicKey, message: headerSigningBytes(chain, envelope.header), signature: envelope.signature }
}

/** The key of the proposer as a voter of this set. Throws `BLOCK_INVALID`. */
export function proposerKey({ proposer }: BlockHeader, members: MemberSet): Uint8Array {
  return members.voters.find(({ node }) => node === proposer)?.attestationKey ?? refuse('the proposer is a voter', { proposer })
}

/** Checks a header against its parent and the entry that carries it. Throws `BLOCK_INVALID` naming the rule. */
export function checkHeader(header: BlockHeader, tip: Tip, term: number, rules: HeaderRules): void {
  const height = Number(header.height)
  if (height !== tip.height + 1) refuse('heights ascend by one', { height, expected: tip.height + 1 })
  if (!equalBytes(header.parent, tip.hash)) refuse('the parent is the block before', { height, parent: toHex(header.parent), expected: toHex(tip.hash) })
  if (header.term !== term) refuse('the header\'s term is its entry\'s', { height, term: header.term, expected: term })
  if (header.epoch !== rules.members.epoch) refuse('the epoch is the chain\'s', { height, epoch: header.epoch })
  if (header.timeMs < tip.timeMs) refuse('block time never goes back', { height })
  if (!equalBytes(header.historyRoot, tip.history.root())) refuse('the history root covers all earlier blocks', { height })
  if (!equalBytes(header.memberSet, rules.memberSet)) refuse('the member set is the active one', { height })
  if (!equalBytes(header.parameters, rules.parameters)) refuse('the parameters are the active ones', { height })
}
