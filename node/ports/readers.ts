import { equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { decisionEvent } from '../../primitives/calls/access.ts'
import { ATTRIBUTES } from '../../primitives/calls/attributes.ts'
import { recordsCalls } from '../../primitives/calls/records.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import { ed25519KeyId } from '../../primitives/signature.ts'
import { decodeTransaction } from '../../primitives/transaction.ts'
import { consentCount, listConsents, listRecords, readAccount, readerOf, readVersion, recordCount, recordHistory } from '../../contracts/index.ts'
import type { ListedConsent, ReadVersion } from '../../contracts/index.ts'
import { attributes, sequences } from '../../contracts/identity/accounts.ts'
import { readMember, readNode, readRoster, readRecord } from '../../contracts/index.ts'
import { readPage } from '../../state/indexes.ts'
import { peerIdOf } from '../../p2p/identity.ts'
import type { Caller, IdentityReader, PageOf, PageQuery, ProvenPageOf, RecordReader } from '../../rpc/ports.ts'
import type { Consent } from '../../rpc/shapes/consent.ts'
import type { Account, Members } from '../../rpc/shapes/identity.ts'
import type { RecordVersion } from '../../rpc/shapes/record.ts'
import type { SteleNode } from '../stele-node.ts'
import type { Head } from './head.ts'

/** Requests of the last five minutes that one reader can have made and still be served. */
const PERMITS_LOOKED_AT = 500

const notFound = (): SteleError => new SteleError({ code: 'RPC_NOT_FOUND', message: 'there is no such thing, or it is not for the caller to know' })

/** Reads accounts, members, consents and records of the committed state. Who may not see a thing is told that there is none. */
export class NodeReaders implements IdentityReader, RecordReader {
  readonly #node: SteleNode
  readonly #head: Head

  constructor(node: SteleNode, head: Head) {
    this.#node = node
    this.#head = head
  }

  get #reader(): ReturnType<typeof readerOf> {
    return readerOf(this.#node.parts.world.view())
  }

  /** Any account may look up another's public keys and certificates: they are what one seals to. */
  account(id: string, _caller: Caller): Promise<Account> {
    const reader = this.#reader
    const account = readAccount(reader, fromHex(id))
    if (account === undefined) return Promise.reject(notFound())
    const certified = ATTRIBUTES.flatMap((attribute) => readRoster(reader).members.flatMap((issuer) => {
      const found = reader.get(attributes, fromHex(id), attribute, issuer)
      return found === undefined ? [] : [{ attribute, value: found.value, until: Number(found.until) }]
    }))
    return Promise.resolve({
      id, kind: account.kind, member: account.member, suspended: account.suspended, enrolledAt: Number(account.createdHeight),
      signKeys: account.signKeys.map(({ key, from }) => ({ key: toHex(key), from: Number(from) })), sealKeys: account.sealKeys.map(({ key, from }) => ({ key: toHex(key), from: Number(from) })),
      attributes: certified, asOf: this.#head.asOf,
    })
  }

  members(): Promise<Members> {
    const reader = this.#reader
    const roster = readRoster(reader)
    const items = roster.members.map((number) => {
      const member = readMember(reader, number)!
      const nodes = member.nodes.map((node) => {
        const { attestationKey, transportKey } = readNode(reader, node)!
        return { node, attestationKey: toHex(ed25519KeyId(attestationKey)), peer: peerIdOf(transportKey), voter: roster.nodes.includes(node) }
      })
      return { member: number, name: member.name, account: toHex(member.account), operatorKey: toHex(ed25519KeyId(member.operatorKey)), nodes, sealKey: toHex(member.operatorSealKey), status: 'active' as const, attributes: [] }
    })
    return Promise.resolve({ items, asOf: this.#head.asOf })
  }

  async list(subject: string, page: PageQuery, caller: Caller): Promise<ProvenPageOf<RecordVersion>> {
    const reader = this.#reader
    const id = fromHex(subject)
    this.#mustSee(subject, caller)
    return this.#provenPage(page, recordCount(reader, id), async (from, limit) => {
      const versions: RecordVersion[] = []
      for (const { record, latest } of listRecords(reader, id, from, limit)) {
        const version = readVersion(reader, record, latest)
        if (version !== undefined) versions.push(recordJson(record, id, version, (await this.#registrations(record, latest - 1, 1))[0]!))
      }
      return versions
    })
  }

  async history(record: string, page: PageQuery, caller: Caller): Promise<ProvenPageOf<RecordVersion>> {
    const reader = this.#reader
    const id = fromHex(record)
    const found = readRecord(reader, id)
    if (found === undefined) throw notFound()
    if (!(await this.#hasPermit(id, caller))) this.#mustSee(toHex(found.subject), caller)
    return this.#provenPage(page, found.latest, async (from, limit) => {
      const registrations = await this.#registrations(id, from, limit)
      return recordHistory(reader, id).slice(from, from + limit).map((version, i) => recordJson(id, found.subject, version, registrations[i]!))
    })
  }

  async consents(patient: string, page: PageQuery, caller: Caller): Promise<PageOf<Consent>> {
    const reader = this.#reader
    const id = fromHex(patient)
    this.#mustSee(patient, caller)
    const lastSeq = reader.get(sequences, id) ?? 0n
    return this.#page(page, consentCount(reader, id), (from, limit) => Promise.all(listConsents(reader, id, from, limit).map(async (consent) => {
      const { rows } = await readPage(this.#node.parts.world.rows(), { space: 'consentChange', owner: consent.id, order: 'newest', atHeight: Number.MAX_SAFE_INTEGER, limit: 1 })
      return consentJson(consent, lastSeq, toHex(rows[0]?.value ?? consent.id))
    })))
  }

  /** Who registered which version, with the storage receipts the transaction carried and the proof of its receipt. Versions ascend by one, so row i is version i + 1. Nothing of it is known where the block was pruned. */
  async #registrations(record: Uint8Array, from: number, limit: number): Promise<Registration[]> {
    const { world, store } = this.#node.parts
    const { rows } = await readPage(world.rows(), { space: 'recordVersion', owner: record, order: 'oldest', atHeight: Number.MAX_SAFE_INTEGER, limit: from + limit })
    return Promise.all(rows.slice(from).map(async ({ height, position }): Promise<Registration> => {
      if (!store.keeps(height)) return { id: null, receipts: [], bundle: null }
      const { id, body } = decodeTransaction(store.block(height)!.envelope.transactions[position]!, this.#node.parts.rules.chain)
      const { receipts } = decode(recordsCalls.register, body.args)
      const bundle = await store.receiptBundle({ height, position })
      return { id: toHex(id), receipts: receipts.map(({ node, signature }) => ({ node, signature: toHex(signature) })), bundle: bundle === undefined ? null : toHex(encode(receiptBundle, bundle)) }
    }))
  }

  /** The subject itself, its institution and that institution's auditors see a subject's lists. */
  #mustSee(subject: string, caller: Caller): void {
    if (caller.account === subject) return
    const account = readAccount(this.#reader, fromHex(subject))
    const ofInstitution = caller.kind === 'institution' || caller.kind === 'auditor' || caller.kind === 'service'
    if (account === undefined || !ofInstitution || account.member !== caller.member) throw notFound()
  }

  /** A reader with a live permit needs the commitments to check what it fetches. Its newest requests are looked at only. */
  async #hasPermit(record: Uint8Array, caller: Caller): Promise<boolean> {
    const { world, clock } = this.#node.parts
    const { rows } = await readPage(world.rows(), { space: 'auditByRequester', owner: fromHex(caller.account), order: 'newest', atHeight: Number.MAX_SAFE_INTEGER - 1, limit: PERMITS_LOOKED_AT })
    return rows.some(({ value }) => {
      const decision = decode(decisionEvent, value)
      return decision.decision === 'permit' && equalBytes(decision.record, record) && Number(decision.until) > clock.nowMs()
    })
  }

  async #provenPage<T>(query: PageQuery, count: number, read: (from: number, limit: number) => Promise<T[]>): Promise<ProvenPageOf<T>> {
    return { ...await this.#page(query, count, read), firstHeight: this.#node.parts.store.floor }
  }

  /** Lists grow at their end only, so positions stay; the height is the one the first page saw. */
  async #page<T>({ atHeight, after, limit, order }: PageQuery, count: number, read: (from: number, limit: number) => Promise<T[]>): Promise<PageOf<T>> {
    const asOf = atHeight === null ? this.#head.asOf : { ...this.#head.asOf, height: atHeight }
    const [size, done] = after === null ? [count, 0] : after.split(':').map(Number)
    if (size === undefined || done === undefined || !Number.isSafeInteger(size) || !Number.isSafeInteger(done) || size > count || done > size) throw new SteleError({ code: 'RPC_CURSOR_INVALID', message: 'the cursor is none of this list' })
    const take = Math.min(limit, size - done)
    const items = order === 'oldest' ? await read(done, take) : (await read(size - done - take, take)).reverse()
    return { items, next: done + take < size ? `${size}:${done + take}` : null, asOf }
  }
}

function consentJson(consent: ListedConsent, lastSeq: bigint, changedBy: string): Consent {
  const { id, version, state, terms, sinceHeight } = consent
  const { grantee } = terms
  return {
    id: toHex(id), version, status: state === 'live' ? 'active' : 'revoked',
    grantee: { account: grantee.kind === 'account' ? toHex(grantee.value) : null, member: grantee.kind === 'member' ? grantee.value : null },
    from: Number(terms.from), until: Number(terms.until), requires: terms.requires.map((group) => group.map(toHex)), classes: terms.classes, purposes: [...terms.purposes], actions: terms.actions,
    confidentialityMax: terms.confidentialityMax, seq: lastSeq.toString(), changedBy, changedAt: Number(sinceHeight),
  }
}

interface Registration { readonly id: string | null; readonly receipts: RecordVersion['receipts']; readonly bundle: string | null }

function recordJson(record: Uint8Array, subject: Uint8Array, version: ReadVersion, registration: Registration): RecordVersion {
  return {
    record: toHex(record), version: version.version, subject: toHex(subject),
    sections: version.sections.map(({ commitment, blob, size, class: coarse, confidentiality, tags }) => ({ commitment: toHex(commitment), blob: toHex(blob), size: size.toString(), class: coarse, confidentiality, tags: tags.map(toHex) })),
    custodians: [...version.custodians],
    provenance: { activity: version.provenance.activity, author: toHex(version.provenance.author), source: toHex(version.provenance.source), recordedAt: Number(version.provenance.recordedAt) },
    receipts: registration.receipts, registeredBy: registration.id, registeredAt: Number(version.height), bundle: registration.bundle,
  }
}
