import { toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { BlobRef } from '../privacy/blob.ts'
import type { Mailbox, MailboxAddress } from './mailbox.ts'
import { decodeRequest, encodeAnswer } from './messages.ts'
import type { VaultAnswer, VaultRequest } from './messages.ts'
import type { BlobStore } from './ports.ts'
import { putSmallBlob } from './put-small-blob.ts'
import type { StorageReceipts } from './storage-receipts.ts'

/** Whether a member may post or delete an entry of a request: the ledger knows the custodians of the record and what was permitted. */
export type MayPost = (member: number, address: MailboxAddress) => Promise<boolean>

/** Blobs one member may have announced here and not finished. Without it a single faulty member could take every upload there is. */
export const MEMBER_UPLOADS_MAX = 64

type RequestOf<K extends VaultRequest['kind']> = Extract<VaultRequest, { readonly kind: K }>['value']

/** Answers the other members' vaults. Which peers may ask at all is the gate's business (p2p). */
export class VaultPeerHandler {
  readonly #store: BlobStore
  readonly #mailbox: Mailbox
  readonly #receipts: StorageReceipts
  readonly #mayPost: MayPost
  readonly #logger: Logger
  /** Announced and not finished, by member. */
  readonly #announced = new Map<number, Map<string, Uint8Array>>()

  constructor(collaborators: { readonly store: BlobStore; readonly mailbox: Mailbox; readonly receipts: StorageReceipts; readonly mayPost: MayPost; readonly logger: Logger }) {
    this.#store = collaborators.store
    this.#mailbox = collaborators.mailbox
    this.#receipts = collaborators.receipts
    this.#mayPost = collaborators.mayPost
    this.#logger = collaborators.logger
  }

  /** The answer to one request. Throws `VAULT_MESSAGE_INVALID` for bytes that are none: the peer's fault; every other failure is an answer. */
  async handle(from: { readonly node: number; readonly member: number }, message: Uint8Array): Promise<Uint8Array> {
    const request = decodeRequest(message)
    try {
      return encodeAnswer(await this.#answer(from, request))
    } catch (error) {
      if (!(error instanceof SteleError)) this.#logger.error({ error, node: from.node, request: request.kind }, 'a vault request failed')
      return encodeAnswer({ kind: 'refused', value: { code: error instanceof SteleError ? error.code : 'VAULT_IO' } })
    }
  }

  async #answer(from: { readonly node: number; readonly member: number }, request: VaultRequest): Promise<VaultAnswer> {
    switch (request.kind) {
      case 'offer': return this.#offer(from.member, request.value)
      case 'chunk':
        await this.#store.putChunk(request.value.blob, request.value.index, request.value.bytes)
        return done(true)
      case 'finish':
        await this.#store.finish(request.value.blob)
        this.#announced.get(from.member)?.delete(toHex(request.value.blob))
        return done(true)
      case 'receipt': return this.#sign(request.value.record, request.value.version, request.value.blobs)
      case 'pack': return this.#pack(request.value)
      case 'hashes': return this.#hashes(request.value.blob)
      case 'read': return { kind: 'chunk', value: { bytes: await this.#store.getChunk(request.value.blob, request.value.index) } }
      case 'post': return this.#post(from, request.value)
      case 'collect': return this.#collect(request.value)
      case 'erase': return this.#erase(from, request.value)
    }
  }

  async #offer(member: number, { blob, size, hashes }: RequestOf<'offer'>): Promise<VaultAnswer> {
    const announced = this.#announced.get(member) ?? new Map<string, Uint8Array>()
    this.#announced.set(member, announced)
    if (announced.size >= MEMBER_UPLOADS_MAX && !announced.has(toHex(blob))) await this.#forgetEnded(announced)
    // Entered before the wait, so that offers side by side count one another.
    announced.set(toHex(blob), blob)
    if (announced.size > MEMBER_UPLOADS_MAX) {
      announced.delete(toHex(blob))
      throw new SteleError({ code: 'VAULT_BUSY', message: 'this member has too many uploads in progress', details: { member, uploadsMax: MEMBER_UPLOADS_MAX }, retryable: true })
    }
    const { complete, missing } = await this.#store.begin({ blob, size }, hashes).catch((error: unknown) => {
      announced.delete(toHex(blob))
      throw error
    })
    if (complete) announced.delete(toHex(blob))
    return { kind: 'status', value: { complete, missing: [...missing] } }
  }

  /** Takes off the list what expired, was deleted, or was finished by someone else. */
  async #forgetEnded(announced: Map<string, Uint8Array>): Promise<void> {
    for (const [name, blob] of announced) {
      const found = await this.#store.stat(blob)
      if (found === undefined || found.complete) announced.delete(name)
    }
  }

  async #pack({ record, version, chunks }: RequestOf<'pack'>): Promise<VaultAnswer> {
    const blobs = await Promise.all(chunks.map((chunk) => putSmallBlob(this.#store, chunk)))
    return this.#sign(record, version, blobs)
  }

  async #sign(record: Uint8Array, version: number, blobs: readonly BlobRef[]): Promise<VaultAnswer> {
    return { kind: 'receipt', value: { signature: await this.#receipts.sign(record, version, blobs) } }
  }

  async #hashes(blob: Uint8Array): Promise<VaultAnswer> {
    const hashes = await this.#store.chunkHashes(blob)
    const found = await this.#store.stat(blob)
    if (found === undefined) throw new SteleError({ code: 'VAULT_NOT_FOUND', message: 'this vault has no such blob' })
    return { kind: 'hashes', value: { size: found.size, hashes: [...hashes] } }
  }

  async #post(from: { readonly node: number; readonly member: number }, { sealed, until, ...address }: RequestOf<'post'>): Promise<VaultAnswer> {
    await this.#requireMayPost(from.member, address)
    return done(await this.#mailbox.put({ ...address, sealed, origin: from.node, untilMs: until === null ? null : Number(until) }))
  }

  async #collect(address: RequestOf<'collect'>): Promise<VaultAnswer> {
    const found = await this.#mailbox.get(address).catch(whenNotFound)
    if (found === undefined) return { kind: 'entry', value: null }
    const { sealed, origin, storedAtMs, untilMs } = found
    return { kind: 'entry', value: { sealed, origin, storedAt: BigInt(storedAtMs), until: untilMs === null ? null : BigInt(untilMs) } }
  }

  async #erase(from: { readonly node: number; readonly member: number }, address: RequestOf<'erase'>): Promise<VaultAnswer> {
    const found = await this.#mailbox.get(address).catch(whenNotFound)
    // Only who posted an entry deletes it; ahead of an entry, only who might post it forbids it.
    if (found === undefined) await this.#requireMayPost(from.member, address)
    else if (found.origin !== from.node) throw forbidden()
    return done(await this.#mailbox.delete(address))
  }

  async #requireMayPost(member: number, address: MailboxAddress): Promise<void> {
    if (!(await this.#mayPost(member, address))) throw forbidden()
  }
}

const done = (changed: boolean): VaultAnswer => ({ kind: 'done', value: { changed } })
const forbidden = (): SteleError => new SteleError({ code: 'MAILBOX_FORBIDDEN', message: 'this member may not post or delete this entry' })

/** Turns `MAILBOX_NOT_FOUND` into undefined; every other failure goes on. */
export function whenNotFound(error: unknown): undefined {
  if (error instanceof SteleError && error.code === 'MAILBOX_NOT_FOUND') return undefined
  throw error
}
