import { join } from 'node:path'
import { SteleError } from '../../primitives/error.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { createSigner } from '../../primitives/signature.ts'
import { BlobReader } from '../../vault/blob-reader.ts'
import type { LocalBlobStore } from '../../vault/local-store.ts'
import { Mailbox } from '../../vault/mailbox.ts'
import { decodeRequest } from '../../vault/messages.ts'
import type { VaultRequest } from '../../vault/messages.ts'
import { MAILBOX_DEFAULTS, REPLICATION_DEFAULTS } from '../../vault/options.ts'
import { VaultPeerClient } from '../../vault/peer-client.ts'
import { VaultPeerHandler } from '../../vault/peer-handler.ts'
import type { MayPost } from '../../vault/peer-handler.ts'
import type { VaultPeers } from '../../vault/ports.ts'
import { PostOffice } from '../../vault/post-office.ts'
import { VaultRepair } from '../../vault/repair.ts'
import { Replicator } from '../../vault/replicator.ts'
import { StorageReceipts } from '../../vault/storage-receipts.ts'
import { createClock, createStore, random } from './fixtures.ts'

export interface Vault {
  readonly node: number
  readonly directory: string
  readonly store: LocalBlobStore
  readonly mailbox: Mailbox
  readonly replicator: Replicator
  readonly reader: BlobReader
  readonly repair: VaultRepair
  readonly office: PostOffice
}

export interface Cluster {
  /** Copies that a record needs, as the chain's parameters have it now. */
  copies: number
  readonly vaults: readonly Vault[]
  readonly chain: Uint8Array
  readonly attestationKeys: readonly Uint8Array[]
  /** Nodes that do not answer. */
  readonly down: Set<number>
  /** What a node hands out instead of its answer; return undefined to leave it. */
  tamper: (node: number, request: VaultRequest, answer: Uint8Array) => Uint8Array | undefined
  /** Requests so far, by kind, and an optional hook that may throw to cut the connection. */
  readonly requests: string[]
  onRequest: (node: number, request: VaultRequest) => void
  mayPost: MayPost
  stop(): Promise<void>
}

/** Vaults 1 … n, one per member, joined by a network of function calls. */
export async function createCluster(directory: string, count: number, clock = createClock()): Promise<Cluster> {
  const chain = random.bytes(32)
  const signers = Array.from({ length: count }, () => createSigner(random.bytes(32)))
  const handlers: VaultPeerHandler[] = []
  const vaults: Vault[] = []
  const cluster: Cluster = {
    vaults, chain, attestationKeys: signers.map(({ publicKey }) => publicKey), down: new Set(), copies: REPLICATION_DEFAULTS.copies, tamper: () => undefined, requests: [], onRequest: () => {},
    mayPost: async () => true,
    stop: async () => { for (const vault of vaults) await Promise.all([vault.store.stop(), vault.mailbox.stop(), vault.office.stop()]) },
  }
  for (let node = 1; node <= count; node++) {
    const peers: VaultPeers = {
      nodes: () => signers.map(({ publicKey }, i) => ({ node: i + 1, member: i + 1, attestationKey: publicKey })).filter((other) => other.node !== node),
      request: async (to, message) => {
        const request = decodeRequest(message)
        cluster.requests.push(request.kind)
        cluster.onRequest(to, request)
        if (cluster.down.has(to) || cluster.down.has(node)) throw new SteleError({ code: 'P2P_UNREACHABLE', message: 'the node does not answer' })
        const answer = await handlers[to - 1]!.handle({ node, member: node }, message)
        return cluster.tamper(to, request, answer) ?? answer
      },
    }
    const own = join(directory, String(node))
    const store = await createStore(join(own, 'vault'), {}, clock)
    const mailbox = new Mailbox({ ...MAILBOX_DEFAULTS, directory: join(own, 'mailbox') }, { clock, logger: silentLogger })
    await mailbox.start()
    const receipts = new StorageReceipts({ chain }, { store, signer: signers[node - 1]! })
    const client = new VaultPeerClient(REPLICATION_DEFAULTS, peers)
    handlers.push(new VaultPeerHandler({ store, mailbox, receipts, logger: silentLogger, mayPost: (member, address) => cluster.mayPost(member, address) }))
    vaults.push({
      node, directory: own, store, mailbox, reader: new BlobReader({ store, client }), repair: new VaultRepair({ store, client, logger: silentLogger }),
      replicator: new Replicator({ ...REPLICATION_DEFAULTS, get copies() { return cluster.copies }, node, member: node }, { store, client, receipts, logger: silentLogger }),
      office: new PostOffice({ node, retryIntervalMs: 3_600_000 }, { mailbox, client, clock, logger: silentLogger }),
    })
  }
  return cluster
}
