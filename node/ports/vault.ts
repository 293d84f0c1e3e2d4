import { concatBytes, equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { blobId, chunkHash } from '../../privacy/blob.ts'
import { readAccount, readerOf } from '../../contracts/index.ts'
import type { Caller, MailboxPort, VaultPort } from '../../rpc/ports.ts'
import type { BlobHashes, BlobStatus, MailboxEntry, MailboxItem, StorageReceipts } from '../../rpc/shapes/vault.ts'
import type { BlobStat } from '../../vault/ports.ts'
import type { MailboxAddress, MailboxEntry as StoredEntry, MailboxKind } from '../../vault/mailbox.ts'
import { putSmallBlob } from '../../vault/put-small-blob.ts'
import { findDecision } from '../decisions.ts'
import type { LocatedDecision } from '../decisions.ts'
import { findSpent, isAggregateKind, isParty, mayFetch, mayLeave } from '../aggregate-mail.ts'
import { mustBeReleasable } from '../release-check.ts'
import type { ReleaseCheck } from '../release-check.ts'
import { systemRandom } from '../system.ts'
import type { SteleNode } from '../stele-node.ts'
import type { VaultService } from '../vault-service.ts'
import type { Head } from './head.ts'

const MISSING_RANGES_MAX = 1024
/** How long masked counts wait for the other contributors, ms. */
const JOINT_KEPT_MS = 86_400_000
const forbidden = (): SteleError => new SteleError({ code: 'RPC_FORBIDDEN', message: 'the account that signed may not do this' })
const notFound = (): SteleError => new SteleError({ code: 'RPC_NOT_FOUND', message: 'there is no such thing, or it is not for the caller to know' })

/** Ciphertext in and out. Writing is for accounts of this node's own institution; ciphertext may be read by any account in good standing. */
export class NodeVault implements VaultPort {
  readonly #node: SteleNode
  readonly #vault: VaultService
  readonly #head: Head

  constructor(node: SteleNode, vault: VaultService, head: Head) {
    this.#node = node
    this.#vault = vault
    this.#head = head
  }

  async begin({ blob, size, chunkRoot }: { readonly blob: string; readonly size: string; readonly chunkRoot: string }, caller: Caller): Promise<BlobStatus> {
    this.#mustBeOwn(caller)
    const id = fromHex(blob)
    if (!equalBytes(blobId(fromHex(chunkRoot), BigInt(size)), id)) throw new SteleError({ code: 'VAULT_INPUT_INVALID', message: 'the id is not that of this chunk root and size', details: { blob } })
    return statusJson(await this.#vault.store.begin({ blob: id, size: BigInt(size) }))
  }

  async status(blob: string, caller: Caller): Promise<BlobStatus> {
    this.#mustBeOwn(caller)
    const stat = await this.#vault.store.stat(fromHex(blob))
    if (stat === undefined) throw notFound()
    return statusJson(stat)
  }

  putChunk(blob: string, index: number, bytes: Uint8Array, caller: Caller): Promise<void> {
    this.#mustBeOwn(caller)
    return this.#vault.store.putChunk(fromHex(blob), index, bytes)
  }

  getChunk(blob: string, index: number): Promise<Uint8Array> {
    return this.#vault.blobs.chunk(fromHex(blob), index)
  }

  async hashes(blob: string): Promise<BlobHashes> {
    const { ref, hashes } = await this.#vault.blobs.hashes(fromHex(blob))
    return { blob, size: ref.size.toString(), hashes: toHex(concatBytes(...hashes)) }
  }

  async commit({ record, version, blobs }: { readonly record: string; readonly version: number; readonly blobs: readonly { readonly blob: string; readonly size: string; readonly bytes?: string }[] }, caller: Caller, signal: AbortSignal): Promise<StorageReceipts> {
    this.#mustBeOwn(caller)
    const refs = blobs.map(({ blob, size }) => ({ blob: fromHex(blob), size: BigInt(size) }))
    await Promise.all(blobs.map(({ blob, bytes }) => (bytes === undefined ? this.#vault.store.finish(fromHex(blob)) : this.#storeSmall(blob, fromHex(bytes)))))
    const receipts = await this.#vault.replicator.replicate(fromHex(record), version, refs, signal)
    return { record, version, receipts: receipts.map(({ node, member, signature }) => ({ node, member, signature: toHex(signature) })), needed: this.#vault.replicator.needed, asOf: this.#head.asOf }
  }

  async #storeSmall(blob: string, bytes: Uint8Array): Promise<void> {
    // Judged before it is stored: bytes under another id would lie here with nobody to miss them.
    if (!equalBytes(blobId(chunkHash(bytes), BigInt(bytes.length)), fromHex(blob))) throw new SteleError({ code: 'VAULT_ROOT_MISMATCH', message: 'the bytes do not give the id of the blob', details: { blob } })
    await putSmallBlob(this.#vault.store, bytes)
  }

  #mustBeOwn(caller: Caller): void {
    const { rules, config } = this.#node.parts
    if (rules.members.voters.find(({ node }) => node === config.node)?.member !== caller.member) throw forbidden()
  }
}

function statusJson({ blob, size, chunkCount, complete, missing }: BlobStat): BlobStatus {
  return { blob: toHex(blob), size: size.toString(), chunks: chunkCount, complete, missing: missing.slice(0, MISSING_RANGES_MAX).map(({ first, last }) => [first, last] as [number, number]) }
}

/** Sealed keys, sealed audit details, parts of aggregates. Who is not concerned by a request is told that there is nothing. */
export class NodeMailbox implements MailboxPort {
  readonly #node: SteleNode
  readonly #vault: VaultService
  readonly #release: ReleaseCheck

  constructor(node: SteleNode, vault: VaultService, release: ReleaseCheck) {
    this.#node = node
    this.#vault = vault
    this.#release = release
  }

  async put({ request, section, kind, sealed }: Omit<MailboxEntry, 'storedAt'>, caller: Caller): Promise<void> {
    const address = { request: fromHex(request), section, kind }
    if (kind === 'joint') return this.#putJoint(address, fromHex(sealed), caller)
    if (isAggregateKind(kind)) {
      const spent = findSpent(this.#node.parts.store, address.request)
      if (spent === undefined || !this.#isOwn(caller) || !mayLeave(spent, address, caller, fromHex(sealed))) throw notFound()
      await this.#vault.office.put({ ...address, sealed: fromHex(sealed), untilMs: null })
      return
    }
    const { decision } = this.#decision(address.request)
    const isRequester = toHex(decision.requester) === caller.account
    const isCustodian = (caller.kind === 'institution' || caller.kind === 'service') && this.#vault.mayPost(caller.member, address)
    if (kind === 'details' ? !isRequester : !isCustodian) throw notFound()
    await this.#vault.office.put({ ...address, sealed: fromHex(sealed), untilMs: kind === 'key' ? Number(decision.until) : null })
  }

  /** A sealed key is served only after the same quorum check that its custodian made: serving again is releasing again (DESIGN §5.13). */
  async get(request: string, section: number, kind: MailboxKind, caller: Caller): Promise<MailboxEntry> {
    const address = { request: fromHex(request), section, kind }
    if (kind === 'joint') {
      if (!this.#isContributor(caller, address.request)) throw notFound()
      return entryJson(address, await this.#vault.office.get(address))
    }
    if (isAggregateKind(kind)) {
      const spent = findSpent(this.#node.parts.store, address.request)
      if (spent === undefined || !mayFetch(spent, address, caller)) throw notFound()
      return entryJson(address, await this.#vault.office.get(address))
    }
    const { decision } = this.#decision(address.request)
    if (!this.#mayRead(decision, kind, caller)) throw notFound()
    const entry = await this.#vault.office.get(address)
    if (kind === 'key') await mustBeReleasable(this.#release, address.request, systemRandom.bytes(32), AbortSignal.timeout(8_000))
    return entryJson(address, entry)
  }

  async delete(request: string, section: number, kind: MailboxKind, caller: Caller): Promise<boolean> {
    // Masked counts end by themselves: who could take them back could make others answer a question twice.
    if (kind === 'joint') throw notFound()
    const address = { request: fromHex(request), section, kind }
    if (isAggregateKind(kind)) throw notFound() // An answer stays what it was.
    const { decision } = this.#decision(address.request)
    const isSubject = toHex(decision.subject) === caller.account
    const isCustodian = (caller.kind === 'institution' || caller.kind === 'service') && this.#vault.mayPost(caller.member, { ...address, kind: 'key' })
    if (!isSubject && !(kind === 'key' && (isCustodian || toHex(decision.requester) === caller.account))) throw notFound()
    return (await this.#vault.office.delete(address)).found
  }

  async list(request: string, caller: Caller): Promise<MailboxItem[]> {
    const id = fromHex(request)
    const spent = findSpent(this.#node.parts.store, id)
    if (spent !== undefined && isParty(spent, caller)) return (await this.#vault.mailbox.list(id)).filter((entry) => mayFetch(spent, entry, caller)).map((entry) => itemJson(request, entry))
    const { decision } = this.#decision(id)
    // An empty list would tell that there is such a request.
    if (!this.#mayRead(decision, 'key', caller) && !this.#mayRead(decision, 'details', caller)) throw notFound()
    const entries = await this.#vault.mailbox.list(id)
    return entries.filter(({ kind }) => this.#mayRead(decision, kind, caller)).map((entry) => itemJson(request, entry))
  }

  #decision(request: Uint8Array): LocatedDecision {
    const found = findDecision(this.#node.parts.store, request)
    if (found === undefined) throw notFound()
    return found
  }

  /** Through its own node only: the others take a member's messages from no one else. */
  async #putJoint(address: MailboxAddress, sealed: Uint8Array, caller: Caller): Promise<void> {
    const { clock } = this.#node.parts
    if (!this.#isOwn(caller) || caller.kind !== 'institution' || !this.#vault.mayPost(caller.member, address)) throw notFound()
    await this.#vault.office.put({ ...address, sealed, untilMs: clock.nowMs() + JOINT_KEPT_MS })
  }

  #isOwn(caller: Caller): boolean {
    const { rules, config } = this.#node.parts
    return rules.members.voters.find(({ node }) => node === config.node)?.member === caller.member
  }

  #isContributor(caller: Caller, request: Uint8Array): boolean {
    return caller.kind === 'institution' && this.#vault.contributes(caller.member, request)
  }

  #mayRead({ requester, subject }: LocatedDecision['decision'], kind: MailboxKind, caller: Caller): boolean {
    if (kind === 'joint') return false
    if (kind === 'key') return toHex(requester) === caller.account
    if (toHex(subject) === caller.account) return true
    const account = readAccount(readerOf(this.#node.parts.world.view()), subject)
    return caller.kind === 'auditor' && account?.member === caller.member
  }
}

function entryJson({ request, section, kind }: MailboxAddress, { sealed, storedAtMs }: StoredEntry): MailboxEntry {
  return { request: toHex(request), section, kind, sealed: toHex(sealed), storedAt: storedAtMs }
}

function itemJson(request: string, { section, kind, sealed, storedAtMs }: StoredEntry): MailboxItem {
  return { request, section, kind, size: sealed.length, storedAt: storedAtMs }
}
