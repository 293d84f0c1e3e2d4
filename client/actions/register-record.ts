import { toHex } from '../../primitives/bytes.ts'
import type { RegisterArgs } from '../../primitives/calls/index.ts'
import { sha256 } from '../../primitives/hash.ts'
import { errorCode } from '../../primitives/error.ts'
import type { RpcParams, RpcStorageReceipts } from '../../primitives/rpc-types.ts'
import type { SectionKey } from '../../privacy/section-format.ts'
import { memorySpool, type CipherSpool } from '../cipher-spool.ts'
import { createClient, type Client, type SignedOptions } from '../create-client.ts'
import { clientError, isRetryable } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import { inParallel } from '../parallel.ts'
import { sleep } from '../platform.ts'
import { prepareRecord, type PreparedRecord, type RecordInput } from '../record-input.ts'
import type { SendOptions } from './send-transaction.ts'
import { sendAndWait, type ConfirmedReceipt, type WaitOptions } from './wait-for-receipt.ts'

/** Where data keys are kept: the custodian's encrypted store. Called before anything leaves, so that no ciphertext is ever without its key. */
export interface SectionKeyStore {
  keep(entry: { readonly subject: Uint8Array; readonly record: Uint8Array; readonly version: number; readonly keys: readonly SectionKey[] }): Promise<void>
}

export interface RegisterOptions extends SendOptions, WaitOptions {
  readonly spool?: CipherSpool
  /** Called after each chunk: chunks sent so far, and in all. */
  readonly onProgress?: (sent: number, total: number) => void
}

export const UPLOAD_DEFAULTS = { chunksAtOnce: 4, sectionsAtOnce: 2, commitRetryMs: 500, commitAttempts: 20 } as const

/**
 * Stores a record version: encrypts its sections, keeps the keys, uploads the ciphertext, gathers the storage receipts of enough members and registers the
 * version. The client's account is the custodian institution. Throws `CLIENT_RECORD_INVALID`, `CLIENT_STORAGE_TOO_FEW` and what waiting throws.
 */
export async function registerRecord(client: Client, input: RecordInput, keyStore: SectionKeyStore, { spool = memorySpool(), ...options }: RegisterOptions = {}): Promise<{ readonly record: Uint8Array; readonly version: number; readonly receipt: ConfirmedReceipt }> {
  const prepared = await prepareRecord(input, spool, client.random)
  const { record, version, subject } = prepared.register
  await keyStore.keep({ subject, record, version, keys: prepared.keys })
  const receipts = await uploadRecord(client, prepared, spool, options)
  const receipt = await sendAndWait(client, { contract: 'records', call: 'register', args: { ...prepared.register, receipts } }, options)
  return { record, version, receipt }
}

/**
 * Uploads a prepared record and returns the storage receipts that `records.register` demands. Safe to call again after any failure: chunks that a node has are not
 * sent twice. Only the institution's own nodes take its ciphertext, so a node that forbids it is passed over, as is one that fails.
 */
export async function uploadRecord(client: Client, prepared: Pick<PreparedRecord, 'register' | 'chunkRoots'>, spool: CipherSpool, options: RegisterOptions = {}): Promise<RegisterArgs['receipts']> {
  let failure: unknown
  for (const transport of client.transport.nodes()) {
    try {
      const { chain, account, random, nowMs } = client
      return await uploadTo(createClient({ transport, chain, random, nowMs, ...(account && { account }) }), prepared, spool, options)
    } catch (error) {
      if (options.signal?.aborted === true || !(isRetryable(error) || errorCode(error) === 'RPC_FORBIDDEN')) throw error
      // That the own node is away says more than that the others forbid.
      if (failure === undefined || isRetryable(error)) failure = error
    }
  }
  throw failure
}

async function uploadTo(node: Client, { register, chunkRoots }: Pick<PreparedRecord, 'register' | 'chunkRoots'>, spool: CipherSpool, options: RegisterOptions): Promise<RegisterArgs['receipts']> {
  const { account, signal, onProgress } = options
  const signed: SignedOptions = { ...(account && { account }), ...(signal && { signal }) }
  const { record, version, sections } = register
  const blobs = sections.map(({ blob, size }) => ({ blob: toHex(blob), size: String(size) }))
  if (isInline(sections)) {
    const inline = await Promise.all(blobs.map(async (blob, section) => ({ ...blob, bytes: toHex(await spool.get(section, 0)) })))
    const answer = await commitUntilEnough(node, { record: toHex(record), version, blobs: inline }, register.custodians, signed)
    onProgress?.(blobs.length, blobs.length)
    return receiptsOf(answer)
  }
  const progress = { sent: 0, total: 0 }
  await inParallel([...blobs.entries()], UPLOAD_DEFAULTS.sectionsAtOnce, async ([section, { blob, size }]) => {
    let { missing: ranges } = await node.callSigned('vault_begin', { blob, size, chunkRoot: toHex(chunkRoots[section]!) }, signed)
    for (;;) {
      const missing = listChunks(ranges)
      progress.total += missing.length
      await inParallel(missing, UPLOAD_DEFAULTS.chunksAtOnce, async (index) => {
        await putChunk(node, blob, index, await spool.get(section, index), signed)
        onProgress?.(++progress.sent, progress.total)
      })
      // One answer names at most so many ranges; a shorter one was complete, and what was sent is there or the commit says so.
      if (ranges.length < RANGES_PER_ANSWER) return
      ranges = (await node.callSigned('vault_status', { blob }, signed)).missing
    }
  })
  return receiptsOf(await commitUntilEnough(node, { record: toHex(record), version, blobs }, register.custodians, signed))
}

/** A small record goes along with the one request that stores it; hex doubles it, and a request is bounded by 1 MiB. */
function isInline(sections: readonly { readonly size: bigint }[]): boolean {
  return sections.every(({ size }) => size <= BigInt(INLINE_LIMITS.blobBytesMax)) && sections.reduce((sum, { size }) => sum + size, 0n) <= BigInt(INLINE_LIMITS.recordBytesMax)
}

function receiptsOf({ receipts }: RpcStorageReceipts): RegisterArgs['receipts'] {
  // One receipt per member counts; which of a member's nodes signed does not matter.
  const perMember = [...new Map(receipts.map((receipt) => [receipt.member, receipt])).values()]
  return perMember.map(({ node: id, signature }) => ({ node: id, signature: bytesOf('receipts.signature', signature, 64) }))
}

/** Largest blob and largest record whose ciphertext comes inside `vault_commit`, in bytes. */
const INLINE_LIMITS = { blobBytesMax: 256 * 1024, recordBytesMax: 384 * 1024 } as const

/** Ranges of missing chunks that one answer of a node holds at most. */
const RANGES_PER_ANSWER = 1024

function listChunks(ranges: readonly (readonly [number, number])[]): number[] {
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
}

async function putChunk(node: Client, blob: string, index: number, body: Uint8Array, { account, signal }: SignedOptions): Promise<void> {
  const path = `/vault/${blob}/${index}`
  const headers = (): Readonly<Record<string, string>> => node.signedHeaders(`PUT ${path}`, { sha256: toHex(sha256(body)) }, account)
  await node.transport.bytes({ verb: 'PUT', path, headers, body, bytesMax: 64 * 1024 }, signal === undefined ? {} : { signal })
}

type CommitParams = RpcParams<'vault_commit'>

/**
 * Replication takes a moment, and a member may be down: asks again until enough members have signed, every custodian among them (the contract demands both).
 * What is already stored is not sent again.
 */
async function commitUntilEnough(node: Client, params: CommitParams, custodians: readonly number[], signed: SignedOptions): Promise<RpcStorageReceipts> {
  for (let attempt = 1; ; attempt++) {
    const answer = await tryCommit(node, params, signed)
    const members = new Set(answer?.receipts.map(({ member }) => member))
    if (answer !== undefined && members.size >= answer.needed && custodians.every((member) => members.has(member))) return answer
    if (attempt >= UPLOAD_DEFAULTS.commitAttempts) {
      const missing = custodians.filter((member) => !members.has(member))
      throw clientError('CLIENT_STORAGE_TOO_FEW', { retryable: true, details: { members: members.size, needed: answer?.needed, custodiansMissing: missing } })
    }
    await sleep(UPLOAD_DEFAULTS.commitRetryMs, signed.signal)
  }
}

/** Undefined when the node found too few members to hold copies; other refusals are final. */
async function tryCommit(node: Client, params: CommitParams, signed: SignedOptions): Promise<RpcStorageReceipts | undefined> {
  try {
    return await node.callSigned('vault_commit', params, { timeoutMs: 60_000, ...signed })
  } catch (error) {
    if (errorCode(error)?.startsWith('VAULT_TOO_FEW') === true) return undefined
    throw error
  }
}
