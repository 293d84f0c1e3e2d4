import { equalBytes, toHex } from '../primitives/bytes.ts'
import { BLOB_LIMITS, blobIdOfHashes, chunkCount, chunkHash, chunkLength } from '../privacy/blob.ts'
import type { OpenedSection } from '../privacy/decrypt-section.ts'
import type { SectionCommitment } from '../privacy/section-format.ts'
import { createClient, type Client, type SignedOptions } from './create-client.ts'
import { clientError } from './errors.ts'
import { bytesOf } from './hex.ts'

/** A section as the ledger names it. */
export type StoredSection = SectionCommitment

/**
 * Leaf hashes of a blob's chunks, checked against the blob id on the ledger. A blob of one chunk needs no list: the chunk's own hash is it, and
 * `fetchChunks` takes it from there. Asks one node after the other. Throws `CLIENT_CHUNK_UNAVAILABLE`.
 */
export async function fetchChunkHashes(client: Client, { blob, size }: StoredSection, signed: SignedOptions): Promise<Uint8Array[]> {
  const count = chunkCount(size)
  if (count === 0) throw clientError('CLIENT_RESPONSE_INVALID', { details: { field: 'size', rule: 'no blob has this size', size: String(size) } })
  return fromSomeNode(client, { blob: toHex(blob) }, signed, async (node) => {
    const hashes = count === 1 ? [chunkHash(await getChunk(node, { blob, size }, 0, signed))] : await askForHashes(node, blob, count, signed)
    if (!equalBytes(blobIdOfHashes(hashes, size), blob)) throw clientError('CLIENT_CHUNK_UNAVAILABLE', { details: { blob: toHex(blob), node: node.transport.name, rule: 'the hashes must give the blob id' } })
    return hashes
  })
}

/** Ciphertext chunks in order, each one matching the section; a node that sends wrong or no bytes is passed over for that chunk. */
export async function* fetchChunks(client: Client, stored: StoredSection, opened: Pick<OpenedSection, 'chunkCount' | 'decryptChunk'>, signed: SignedOptions): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < opened.chunkCount; index++) {
    yield await fromSomeNode(client, { blob: toHex(stored.blob), index }, signed, async (node) => {
      const chunk = await getChunk(node, stored, index, signed)
      await opened.decryptChunk(index, chunk) // Throws for bytes that are not the committed ones, so that the next node is asked.
      return chunk
    })
  }
}

async function askForHashes(node: Client, blob: Uint8Array, count: number, signed: SignedOptions): Promise<Uint8Array[]> {
  const joined = bytesOf('hashes', (await node.callSigned('vault_hashes', { blob: toHex(blob) }, signed)).hashes, 32 * count)
  return Array.from({ length: count }, (_, i) => joined.slice(32 * i, 32 * (i + 1)))
}

async function getChunk(node: Client, { blob, size }: Pick<StoredSection, 'blob' | 'size'>, index: number, { account, signal }: SignedOptions): Promise<Uint8Array> {
  const path = `/vault/${toHex(blob)}/${index}`
  const headers = (): Readonly<Record<string, string>> => node.signedHeaders(`GET ${path}`, {}, account)
  const bytesMax = Math.min(BLOB_LIMITS.chunkBytes, chunkLength(size, index))
  return node.transport.bytes({ verb: 'GET', path, headers, bytesMax }, signal === undefined ? {} : { signal })
}

/** The first node's answer that holds; when none does, `CLIENT_CHUNK_UNAVAILABLE` with the last failure as its cause. */
async function fromSomeNode<T>(client: Client, details: Readonly<Record<string, unknown>>, { signal }: SignedOptions, ask: (node: Client) => Promise<T>): Promise<T> {
  const { chain, account, random, nowMs } = client
  let cause: unknown
  for (const transport of client.transport.nodes()) {
    try {
      return await ask(createClient({ transport, chain, random, nowMs, ...(account && { account }) }))
    } catch (error) {
      if (signal?.aborted === true) throw error
      cause = error
    }
  }
  throw clientError('CLIENT_CHUNK_UNAVAILABLE', { retryable: true, details, cause })
}
