import { equalBytes, toHex } from '../../primitives/bytes.ts'
import { blockHashOf, type BlockHeader } from '../../primitives/block.ts'
import { decode } from '../../primitives/codec.ts'
import { finalitySchema, verifyFinality } from '../../primitives/receipt.ts'
import type { RpcBlock } from '../../primitives/rpc-types.ts'
import type { Client } from '../create-client.ts'
import { withMembers } from './follow-members.ts'
import { clientError } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import type { RequestOptions } from '../transports/transport.ts'
import type { Checkpoint } from '../verify-consistency.ts'

/**
 * The newest final block, verified: keep it, and hold nodes to it later by `checkCheckpoint`. Undefined while nothing is final yet.
 * Throws PROOF_*, CERTIFICATE_* or CODEC_* when the node's proof does not hold.
 */
export async function getCheckpoint(client: Client, options?: RequestOptions): Promise<Checkpoint | undefined> {
  const { final } = await client.call('chain_head', {}, options)
  if (final.height === 0) return undefined
  const { header, bytes } = await verifyBlock(client, await client.call('chain_block', { height: final.height }, options), options)
  return { height: Number(header.height), hash: blockHashOf(client.chain.id, bytes) }
}

/**
 * Asks a node for the final block at a checkpoint's height and compares. Throws `CLIENT_HISTORY_FORKED` when members certified another block there: then one more than the
 * tolerated number of them has signed two histories.
 */
export async function checkCheckpoint(client: Client, checkpoint: Checkpoint, options?: RequestOptions): Promise<void> {
  const { header, bytes } = await verifyBlock(client, await client.call('chain_block', { height: checkpoint.height }, options), options)
  const height = Number(header.height)
  if (height !== checkpoint.height) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: checkpoint.height, proven: height } })
  const found = blockHashOf(client.chain.id, bytes)
  if (!equalBytes(found, checkpoint.hash)) throw clientError('CLIENT_HISTORY_FORKED', { details: { checkpoint: checkpoint.height, hash: toHex(checkpoint.hash), found: toHex(found) } })
}

async function verifyBlock(client: Client, block: RpcBlock, options?: RequestOptions): Promise<{ readonly header: BlockHeader; readonly bytes: Uint8Array }> {
  const bytes = bytesOf('header', block.header)
  const finality = decode(finalitySchema, bytesOf('finality', block.finality))
  const header = await withMembers(client, finality.certificate, (members) => verifyFinality(client.chain.id, members, bytes, finality), options)
  return { header, bytes }
}
