import { equalBytes, toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { BLOB_LIMITS, blobIdOfHashes, chunkCount, chunkHash } from '../privacy/blob.ts'
import type { BlobRef } from '../privacy/blob.ts'
import { decodeAnswer, encodeRequest } from './messages.ts'
import type { VaultAnswer, VaultRequest } from './messages.ts'
import type { MailboxAddress } from './mailbox.ts'
import type { VaultNode, VaultPeers } from './ports.ts'

type Answer<K extends VaultAnswer['kind']> = Extract<VaultAnswer, { readonly kind: K }>['value']

/** One request at a time to one vault, its answer checked as far as it can be: what comes from a peer is proved, not believed. */
export class VaultPeerClient {
  readonly #peers: VaultPeers
  readonly #timeoutMs: number

  constructor(options: { readonly requestTimeoutMs: number }, peers: VaultPeers) {
    this.#peers = peers
    this.#timeoutMs = options.requestTimeoutMs
  }

  nodes(): readonly VaultNode[] { return this.#peers.nodes() }

  /** The answer of the expected kind. `VAULT_PEER_REFUSED` with the peer's code, `VAULT_MESSAGE_INVALID` for another kind. */
  async ask<K extends VaultAnswer['kind']>(node: number, request: VaultRequest, expected: K, signal?: AbortSignal): Promise<Answer<K>> {
    const timeout = AbortSignal.timeout(this.#timeoutMs)
    const answer = decodeAnswer(await this.#peers.request(node, encodeRequest(request), signal === undefined ? timeout : AbortSignal.any([signal, timeout])))
    if (answer.kind === 'refused') {
      throw new SteleError({ code: 'VAULT_PEER_REFUSED', message: 'another vault refused', details: { node, request: request.kind, code: answer.value.code } })
    }
    if (answer.kind !== expected) throw mismatch(node, request.kind)
    return answer.value as Answer<K>
  }

  /** Size and chunk hashes of a blob, proved by its id. */
  async hashes(node: number, blob: Uint8Array, signal?: AbortSignal): Promise<{ readonly ref: BlobRef; readonly hashes: readonly Uint8Array[] }> {
    const { size, hashes } = await this.ask(node, { kind: 'hashes', value: { blob } }, 'hashes', signal)
    if (hashes.length !== chunkCount(size) || !equalBytes(blobIdOfHashes(hashes, size), blob)) throw mismatch(node, 'hashes')
    return { ref: { blob, size }, hashes }
  }

  /** A chunk, proved by its hash. */
  async read(node: number, blob: Uint8Array, index: number, expectedHash: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    const { bytes } = await this.ask(node, { kind: 'read', value: { blob, index } }, 'chunk', signal)
    if (bytes.length > BLOB_LIMITS.chunkBytes || !equalBytes(chunkHash(bytes), expectedHash)) throw mismatch(node, 'read')
    return bytes
  }

  async collect(node: number, { request, section, kind }: MailboxAddress, signal?: AbortSignal): Promise<Answer<'entry'>> {
    return this.ask(node, { kind: 'collect', value: { request, section, kind } }, 'entry', signal)
  }

  /**
   * Tries `task` on every node in turn until one succeeds. Throws `code` with every node's reason when none did; an abort of `signal` passes through.
   */
  async anyNode<T>(code: 'VAULT_NOT_FOUND' | 'VAULT_UNREPAIRED', blob: Uint8Array, task: (node: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const failures: Record<number, string> = {}
    for (const { node } of this.nodes()) {
      try {
        return await task(node)
      } catch (error) {
        signal?.throwIfAborted()
        failures[node] = reasonOf(error)
      }
    }
    throw new SteleError({ code, message: 'no other vault could give the blob', details: { blob: toHex(blob), failures }, retryable: true })
  }
}

/** A short reason for a failure at a peer: its own code when it gave one, else ours, else the name of the error. */
export function reasonOf(error: unknown): string {
  if (error instanceof SteleError) return typeof error.details['code'] === 'string' ? error.details['code'] : error.code
  return error instanceof Error ? error.name : 'unknown'
}

function mismatch(node: number, request: string): SteleError {
  return new SteleError({ code: 'VAULT_MESSAGE_INVALID', message: 'the answer does not fit the question', details: { node, request } })
}
