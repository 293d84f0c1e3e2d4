import { concatBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { blockHashOf, encodeHeader } from '../../primitives/block.ts'
import { accessCalls, decisionEvent, identityCalls, identityEvents, recordsCalls, recordsEvents, storageReceiptBytes, type AccessRequest, type DecisionEvent, type RegisterArgs } from '../../primitives/calls/index.ts'
import { attestationBytes, type AttestationContent } from '../../primitives/certificate.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { chainIdOf, DEFAULT_PARAMETERS, genesisAccountId, genesisMemberSet, nodeCertificationBytes, parametersHash, type Genesis } from '../../primitives/genesis.ts'
import { sha256 } from '../../primitives/hash.ts'
import { memberSetHash } from '../../primitives/member-set.ts'
import { inclusionPath, merkleRoot } from '../../primitives/merkle.ts'
import { receiptBundle, receiptSchema, type Receipt, type ReceiptBundle } from '../../primitives/receipt.ts'
import { decodeRequestAuth, requestSigningBytes } from '../../primitives/request.ts'
import type { RpcAuditEntry, RpcConsent, RpcRecordVersion, RpcTxStatus } from '../../primitives/rpc-types.ts'
import { createSigner, keyIdToPublicKey, verify } from '../../primitives/signature.ts'
import { decodeTransaction, signatureItems, type Transaction } from '../../primitives/transaction.ts'
import { blobIdOfHashes, chunkCount, chunkHash } from '../../privacy/blob.ts'
import { BaseError } from '../../client/errors.ts'
import type { BytesRequest, ParamsSource, Transport } from '../../client/transports/transport.ts'

export const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)

/** A genesis of `count` members with one node each; keys come from small seeds. */
export function testGenesis(count = 4): Genesis {
  const members = Array.from({ length: count }, (_, i) => {
    const member = i + 1
    const governance = createSigner(seed(100 + member))
    const keys = { member, node: member, transportKey: createSigner(seed(60 + member)).publicKey, attestationKey: attester(member).publicKey }
    return {
      member, name: `hospital-${'abcdefg'[i]}`, governanceKey: governance.publicKey, operatorKey: createSigner(seed(member)).publicKey, operatorSealKey: seed(member),
      nodes: [{ node: member, transportKey: keys.transportKey, attestationKey: keys.attestationKey, addresses: [], certification: governance.sign(nodeCertificationBytes(keys)) }],
    }
  })
  return { v: 1, network: 'test', kind: 'development', timeMs: 1_700_000_000_000n, parameters: DEFAULT_PARAMETERS, members }
}

export const attester = (node: number): ReturnType<typeof createSigner> => createSigner(seed(200 + node))

/** A certified block that holds `receipts`, and the bundle of one of them. `voters`: who attests. */
export function certifiedBundle(genesis: Genesis, receipts: readonly Receipt[], position: number, options: { readonly height?: number; readonly timeMs?: number; readonly voters?: readonly number[] } = {}): ReceiptBundle {
  const { height = 1, timeMs = 1_800_000_000_000, voters = [1, 2, 3] } = options
  const chain = chainIdOf(genesis)
  const set = genesisMemberSet(genesis)
  const leaves = receipts.map((receipt) => encode(receiptSchema, receipt))
  const header = encodeHeader({
    v: 1, chain, epoch: 0, height: BigInt(height), term: 1, parent: chain, txRoot: seed(0), eventRoot: merkleRoot(leaves), historyRoot: seed(0), stateRoot: seed(7),
    memberSet: memberSetHash(chain, set), parameters: parametersHash(chain, genesis.parameters), timeMs: BigInt(timeMs), proposer: 1, count: leaves.length,
  })
  const content: AttestationContent = { v: 1, epoch: 0, height: BigInt(height), term: 1, block: blockHashOf(chain, header), stateRoot: seed(7), memberSet: memberSetHash(chain, set) }
  const message = attestationBytes(chain, content)
  const signatures = voters.map((node) => ({ node, signature: attester(node).sign(message) }))
  return {
    v: 1, chain, receipt: leaves[position]!, position, path: inclusionPath(position, leaves), header, height: BigInt(height),
    finality: { certificate: { content, signatures }, descendant: null },
  }
}

interface StoredBlob { readonly size: bigint; readonly chunks: (Uint8Array | undefined)[] }

/**
 * A node behind the `Transport` port: it decodes and verifies every transaction, puts each into a certified block of its own, keeps ciphertext and mailbox, checks
 * request signatures and refuses a nonce that was used. It decides access by `decide`; everything else of a contract it leaves out.
 */
export class FakeNode implements Transport {
  readonly name: string
  readonly genesis: Genesis
  readonly chain: Uint8Array
  readonly calls: string[] = []
  readonly blobs: Map<string, StoredBlob>
  readonly mailbox = new Map<string, string>()
  readonly records: RpcRecordVersion[] = []
  readonly audit: RpcAuditEntry[] = []
  /** Answers before the method itself, for faults: return undefined to go on. */
  intercept: (method: string, params: Record<string, unknown>) => unknown = () => undefined
  decide: (request: AccessRequest) => boolean = () => true
  result = 'OK'
  readonly sealKeys = new Map<string, string>()
  readonly #keys = new Map<string, Uint8Array>()
  readonly #receipts = new Map<string, { readonly receipt: Receipt; readonly bundle: ReceiptBundle }>()
  readonly #nonces = new Set<string>()
  height = 0

  constructor(genesis: Genesis = testGenesis(), name = 'fake:1', blobs = new Map<string, StoredBlob>()) {
    this.genesis = genesis
    this.chain = chainIdOf(genesis)
    this.name = name
    this.blobs = blobs
    for (const { member, operatorKey } of genesis.members) this.#keys.set(toHex(genesisAccountId(this.chain, member)), operatorKey)
  }

  nodes(): readonly Transport[] { return [this] }
  close(): Promise<void> { return Promise.resolve() }

  async request(method: string, source: ParamsSource): Promise<unknown> {
    const params = (typeof source === 'function' ? source() : source) as Record<string, unknown>
    this.calls.push(method)
    const answer: unknown = await this.intercept(method, params)
    if (answer !== undefined) return answer
    if ('auth' in params) this.authenticate(method, params)
    return this.answer(method, params)
  }

  bytes({ path, verb, headers, body }: BytesRequest): Promise<Uint8Array> {
    this.calls.push(`${verb} ${path}`)
    const auth = headers()['stele-auth']!
    this.authenticate(`${verb} ${path}`, { ...(body && { sha256: toHex(sha256(body)) }), auth })
    const [, , blob, index] = path.split('/')
    const stored = this.blobs.get(blob!)
    if (verb === 'PUT') stored!.chunks[Number(index)] = body
    const chunk = stored?.chunks[Number(index)]
    if (chunk === undefined) throw refused('RPC_NOT_FOUND')
    return Promise.resolve(verb === 'PUT' ? new Uint8Array(0) : chunk)
  }

  /** Checks a signed request and returns the account, in hex. */
  authenticate(method: string, { auth, ...params }: Record<string, unknown>): string {
    const { account, signer, nonce, timeMs, signature } = decodeRequestAuth(String(auth))
    const known = this.#keys.get(toHex(account))
    const publicKey = keyIdToPublicKey(signer)!
    if (known === undefined || toHex(known) !== toHex(publicKey) || !verify(publicKey, requestSigningBytes(this.chain, method, params, { account, signer, nonce, timeMs }), signature)) throw refused('RPC_UNAUTHENTICATED')
    if (this.#nonces.has(toHex(nonce))) throw refused('RPC_UNAUTHENTICATED')
    this.#nonces.add(toHex(nonce))
    return toHex(account)
  }

  answer(method: string, given: Record<string, unknown>): unknown {
    const params = given as Record<string, never>
    const asOf = { height: this.height, hash: toHex(seed(0)), term: 1 }
    const blob = this.blobs.get(params['blob']!)
    switch (method) {
      case 'tx_send': return this.#include(fromHex(params['transaction']!))
      case 'tx_wait': case 'tx_status': return this.#status(params['id']!)
      case 'tx_receipt': {
        const found = this.#receipts.get(params['id']!)!
        const { code, cost, events, position } = found.receipt
        return { id: params['id'], status: 'final', height: Number(found.bundle.height), position, code, cost, events: events.map((event) => ({ ...event, data: toHex(event.data) })), bundle: toHex(encode(receiptBundle, found.bundle)), asOf }
      }
      case 'identity_account': {
        const key = this.sealKeys.get(params['account']!)
        if (key === undefined) throw refused('RPC_NOT_FOUND')
        return { id: params['account'], sealKeys: [{ key, from: 1 }], asOf }
      }
      case 'record_history': return page(this.records.filter(({ record }) => record === params['record']), asOf)
      case 'consent_list': return page(this.consents(params['patient']!), asOf)
      case 'access_audit': return page(this.audit.map((entry) => ({ ...entry, details: this.mailbox.get(`${entry.decision.request}/0/details`) ?? null })), asOf)
      case 'vault_begin': return this.#begin(params['blob']!, params['size']!)
      case 'vault_status': return status(params['blob']!, blob!)
      case 'vault_hashes': return { blob: params['blob'], size: String(blob?.size), hashes: toHex(concatBytes(...(blob?.chunks ?? []).map((chunk) => chunkHash(chunk!)))) }
      case 'vault_commit': return this.#commit(params as never)
      case 'vault_mailbox_put': {
        this.mailbox.set(`${params['request']}/${params['section']}/${params['kind']}`, params['sealed']!)
        return { stored: true }
      }
      case 'vault_mailbox_get': {
        const sealed = this.mailbox.get(`${params['request']}/${params['section']}/${params['kind']}`)
        if (sealed === undefined) throw refused('RPC_NOT_FOUND')
        return { ...(params as object), sealed, storedAt: 0 }
      }
      default: throw refused('RPC_METHOD_UNKNOWN')
    }
  }

  #include(bytes: Uint8Array): RpcTxStatus {
    const transaction = decodeTransaction(bytes, this.chain)
    const id = toHex(transaction.id)
    if (this.#receipts.has(id)) return this.#status(id)
    const [item] = signatureItems(transaction)
    if (!verify(item!.publicKey, item!.message, item!.signature)) throw refused('TX_SIGNATURE_INVALID')
    this.height++
    const timeMs = Date.now()
    const receipt = this.execute(transaction, timeMs)
    const bundle = certifiedBundle(this.genesis, [receipt], 0, { height: this.height, timeMs })
    if (receipt.code === 'OK') this.#index(transaction, toHex(encode(receiptBundle, bundle)))
    this.#receipts.set(id, { receipt, bundle })
    for (const event of receipt.events) {
      if (event.name !== 'decision') continue
      this.audit.unshift({ height: this.height, position: 0, timeMs, decision: toRpc(decode(decisionEvent, event.data)), final: true, details: null, bundle: toHex(encode(receiptBundle, bundle)) })
    }
    return this.#status(id)
  }

  /** What the transaction does, as a receipt. Here only what clients look at; `ContractNode` runs the real contracts. */
  protected execute({ id, body: { contract, call, args, account } }: Transaction, _timeMs: number): Receipt {
    const events: Receipt['events'] = []
    if (call === 'enroll') {
      const { kind } = decode(identityCalls.enroll, args)
      events.push({ contract, name: 'enrolled', data: encode(identityEvents.enrolled, { account: id, kind, member: 1 }) })
    } else if (call === 'register') {
      const { record, version, subject } = decode(recordsCalls.register, args)
      events.push({ contract, name: 'registered', data: encode(recordsEvents.registered, { record, version, subject, member: 1 }) })
    } else if (call === 'request') events.push({ contract, name: 'decision', data: encode(decisionEvent, this.#decision(decode(accessCalls.request, args), id, account)) })
    return { tx: id, position: 0, code: this.result, cost: 1, events }
  }

  /** What a node keeps beside the ledger's state: keys of accounts and versions of records. */
  #index({ id, body: { call, args } }: Transaction, bundle: string): void {
    if (call === 'enroll') {
      const { signKey, sealKey } = decode(identityCalls.enroll, args)
      this.#keys.set(toHex(id), signKey.subarray(1))
      this.sealKeys.set(toHex(id), toHex(sealKey))
    } else if (call === 'register') this.#register(decode(recordsCalls.register, args), toHex(id), bundle)
  }

  /** The consents of a patient, as `consent_list` shows them. */
  protected consents(_patient: string): readonly Partial<RpcConsent>[] { return [] }

  #decision({ version, sections, ...request }: AccessRequest, id: Uint8Array, requester: Uint8Array): DecisionEvent {
    const found = this.records.find(({ record }) => record === toHex(request.record))
    const permit = found !== undefined && this.decide({ version, sections, ...request })
    return {
      request: id, requester, ...request, version: permit ? found.version : version, sections, decision: permit ? 'permit' : 'deny', basis: seed(permit ? 1 : 2),
      until: BigInt(Date.now() + (permit ? 300_000 : 0)),
    }
  }

  #register({ record, version, subject, sections, custodians, provenance, receipts }: RegisterArgs, id: string, bundle: string): void {
    this.records.push({
      record: toHex(record), version, subject: toHex(subject), custodians, registeredBy: id, registeredAt: this.height, bundle,
      sections: sections.map(({ commitment, blob, size, tags, class: coarse, confidentiality }) => ({ commitment: toHex(commitment), blob: toHex(blob), size: String(size), class: coarse, confidentiality, tags: tags.map(toHex) })),
      provenance: { activity: provenance.activity, author: toHex(provenance.author), source: toHex(provenance.source), recordedAt: Number(provenance.recordedAt) },
      receipts: receipts.map(({ node, signature }) => ({ node, signature: toHex(signature) })),
    })
  }

  #status(id: string): RpcTxStatus {
    const found = this.#receipts.get(id)
    const asOf = { height: this.height, hash: toHex(seed(0)), term: 1 }
    if (found === undefined) return { id, status: 'unknown', height: null, position: null, code: null, final: false, asOf }
    const { code } = found.receipt
    return { id, status: code === 'OK' ? 'final' : 'failed', height: Number(found.bundle.height), position: 0, code, final: true, asOf }
  }

  #begin(blob: string, size: string): unknown {
    const known = this.blobs.get(blob) ?? { size: BigInt(size), chunks: new Array<Uint8Array | undefined>(chunkCount(BigInt(size))).fill(undefined) }
    this.blobs.set(blob, known)
    return status(blob, known)
  }

  #commit({ record, version, blobs }: { readonly record: string; readonly version: number; readonly blobs: readonly { readonly blob: string; readonly size: string; readonly bytes?: string }[] }): unknown {
    for (const { blob, size, bytes } of blobs) if (bytes !== undefined) this.blobs.set(blob, { size: BigInt(size), chunks: [fromHex(bytes)] })
    for (const { blob } of blobs) {
      const { chunks, size } = this.blobs.get(blob)!
      const hashes = chunks.map((chunk) => chunkHash(chunk!))
      if (toHex(blobIdOfHashes(hashes, size)) !== blob) throw refused('VAULT_ROOT_MISMATCH')
    }
    const message = storageReceiptBytes(this.chain, fromHex(record), version, blobs.map(({ blob, size }) => ({ blob: fromHex(blob), size: BigInt(size) })))
    const receipts = [1, 2, 3].map((node) => ({ node, member: node, signature: toHex(attester(node).sign(message)) }))
    return { record, version, receipts, needed: 3, asOf: { height: 0, hash: toHex(seed(0)), term: 1 } }
  }
}

export function refused(code: string, retryable = false): SteleError {
  return new BaseError({ code, message: 'refused by the fake node', retryable })
}

function page(items: readonly unknown[], asOf: unknown): unknown {
  return { items, nextCursor: null, asOf }
}

function status(blob: string, { size, chunks }: StoredBlob): unknown {
  const missing = chunks.flatMap((chunk, index) => (chunk === undefined ? [[index, index]] : []))
  return { blob, size: String(size), chunks: chunks.length, missing, complete: missing.length === 0 }
}

function toRpc(decision: DecisionEvent): RpcAuditEntry['decision'] {
  return { ...(decisionEvent.toJson(decision) as unknown as RpcAuditEntry['decision']), until: Number(decision.until) }
}
