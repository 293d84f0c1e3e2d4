import { join } from 'node:path'
import { SteleError } from '../primitives/error.ts'
import { JOINT_MESSAGES_MAX } from '../primitives/calls/anonymization.ts'
import { createSigner } from '../primitives/signature.ts'
import { noMetrics } from '../primitives/ports.ts'
import type { Logger, MetricsRegister } from '../primitives/ports.ts'
import { readAccount, readVersion, readerOf } from '../contracts/index.ts'
import { releaseRequests } from '../contracts/anonymization/tables.ts'
import { LocalBlobStore } from '../vault/local-store.ts'
import { Mailbox } from '../vault/mailbox.ts'
import { BlobReader } from '../vault/blob-reader.ts'
import { createVaultMetrics } from '../vault/metrics.ts'
import { BLOB_STORE_DEFAULTS, MAILBOX_DEFAULTS, REPLICATION_DEFAULTS } from '../vault/options.ts'
import { VaultPeerClient } from '../vault/peer-client.ts'
import { VaultPeerHandler } from '../vault/peer-handler.ts'
import { PostOffice } from '../vault/post-office.ts'
import { VaultRepair } from '../vault/repair.ts'
import { Replicator } from '../vault/replicator.ts'
import { StorageReceipts } from '../vault/storage-receipts.ts'
import type { MailboxAddress } from '../vault/mailbox.ts'
import { findSpent, isAggregateKind, mayBring } from './aggregate-mail.ts'
import { findDecision } from './decisions.ts'
import type { NodeKeys } from './keys.ts'
import { BLOB_REPAIR_DEFAULTS, BlobRepair } from './repair-blobs.ts'
import { memberOfNode } from './node-roster.ts'
import type { SteleNode } from './stele-node.ts'

const METHOD = 'vault'
const RETRY_MS = 5_000

/** The node's vault: blobs, mailbox, copies at other members. */
export class VaultService {
  readonly store: LocalBlobStore
  readonly mailbox: Mailbox
  readonly office: PostOffice
  readonly replicator: Replicator
  readonly receipts: StorageReceipts
  /** Reads blobs of this vault past their damage, and mends them. */
  readonly blobs: BlobRepair
  readonly #node: SteleNode
  readonly #handler: VaultPeerHandler

  constructor(node: SteleNode, keys: NodeKeys, logger: Logger, register: MetricsRegister = noMetrics) {
    const metrics = createVaultMetrics(register)
    const { config, rules, clock, network } = node.parts
    const directory = join(config.dataDir, 'vault')
    this.#node = node
    this.store = new LocalBlobStore({ ...BLOB_STORE_DEFAULTS, directory, quotaBytes: BigInt(config.vault.bytesMax) }, { clock, logger, metrics })
    this.mailbox = new Mailbox({ ...MAILBOX_DEFAULTS, directory: join(config.dataDir, 'mailbox') }, { clock, logger, metrics })
    this.receipts = new StorageReceipts({ chain: rules.chain }, { store: this.store, signer: createSigner(keys.attestation) })
    const client = new VaultPeerClient({ requestTimeoutMs: REPLICATION_DEFAULTS.requestTimeoutMs }, {
      nodes: () => rules.members.voters.filter((voter) => voter.node !== config.node),
      request: (to, message, signal) => network.sync.request(to, METHOD, message, { signal, timeoutMs: REPLICATION_DEFAULTS.requestTimeoutMs }),
    })
    this.replicator = new Replicator({ ...REPLICATION_DEFAULTS, get copies() { return rules.limits.replication }, node: config.node, member: memberOfNode(readerOf(node.parts.world.view()), config.node).member }, { store: this.store, client, receipts: this.receipts, logger, metrics })
    this.office = new PostOffice({ node: config.node, retryIntervalMs: RETRY_MS }, { mailbox: this.mailbox, client, clock, logger, metrics })
    this.blobs = new BlobRepair(BLOB_REPAIR_DEFAULTS, { store: this.store, reader: new BlobReader({ store: this.store, client }), repair: new VaultRepair({ store: this.store, client, logger }), clock, logger })
    this.#handler = new VaultPeerHandler({ store: this.store, mailbox: this.mailbox, receipts: this.receipts, mayPost: (member, address) => Promise.resolve(this.mayPost(member, address)), logger })
  }

  async start(): Promise<void> {
    await this.store.start()
    await this.mailbox.start()
    await this.office.start()
    this.blobs.start()
    const { rules, network } = this.#node.parts
    network.sync.handle(METHOD, (from, body) => {
      const peer = rules.members.voters.find((voter) => voter.node === from)
      if (peer === undefined) return Promise.reject(new SteleError({ code: 'VAULT_PEER_REFUSED', message: 'only voters may ask this vault', details: { node: from } }))
      return this.#handler.handle({ node: from, member: peer.member }, body)
    })
  }

  async stop(): Promise<void> {
    await this.blobs.stop()
    await this.office.stop()
    await this.mailbox.stop()
    await this.store.stop()
  }

  /** Sealed keys come from a custodian of the permitted version, sealed details from the requester's institution; both only for a decision that exists. Masked counts come from a contributor, under its own number; parts of aggregates as `mayBring` says. */
  mayPost(member: number, { request, section, kind }: MailboxAddress): boolean {
    const { store, world } = this.#node.parts
    if (kind === 'joint') return Math.floor(section / JOINT_MESSAGES_MAX) === member && this.contributes(member, request)
    if (isAggregateKind(kind)) {
      const spent = findSpent(store, request)
      return spent !== undefined && mayBring(spent, { section, kind }, member)
    }
    const found = findDecision(store, request)
    if (found === undefined) return false
    const reader = readerOf(world.view())
    if (kind === 'details') return readAccount(reader, found.decision.requester)?.member === member
    const { record, version, decision } = found.decision
    return decision === 'permit' && (readVersion(reader, record, version)?.custodians.includes(member) ?? false)
  }

  /** Whether a member has selected persons for this release, or answers this aggregate. */
  contributes(member: number, request: Uint8Array): boolean {
    return readerOf(this.#node.parts.world.view()).get(releaseRequests, request)?.contributors.includes(member) ?? findSpent(this.#node.parts.store, request)?.sites.includes(member) ?? false
  }
}
