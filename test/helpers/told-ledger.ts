import { cpSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROLES } from '../../primitives/calls/attributes.ts'
import type { Section } from '../../primitives/calls/records.ts'
import { storageReceiptBytes } from '../../primitives/calls/records.ts'
import type { Genesis } from '../../primitives/genesis.ts'
import { silentLogger } from '../../primitives/ports.ts'
import type { ReceiptBundle } from '../../primitives/receipt.ts'
import { createSigner } from '../../primitives/signature.ts'
import type { Signer } from '../../primitives/signature.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { readKeys } from '../../node/keys.ts'
import type { LedgerBatch } from '../../state/ledger.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { LedgerRecord } from '../../state/ledger-record.ts'
import { scanLedger } from '../../state/ledger-verify.ts'
import { nodeFileSystem, nodeTimers } from '../../state/node-file-system.ts'
import { createStore, makeBlob, putAll, random } from '../vault/fixtures.ts'
import { systemRandom } from '../../node/system.ts'
import { callOf, enrolmentOf, institution } from './calls.ts'
import { createCluster, until } from './cluster.ts'
import type { TestCluster } from './cluster.ts'

/** What a small cluster left behind after it was stopped: data folders that tell a whole story, from enrolment over consent and decisions to revocation. */
export interface ToldLedger {
  readonly genesis: Genesis
  readonly genesisPath: string
  /** Data folders, by node. The vaults of the first three hold the record's blob, for which they signed. */
  readonly dataDirs: readonly string[]
  /** Final receipts as node 1 gave them, in order of the story. */
  readonly bundles: readonly ReceiptBundle[]
  readonly permit: ReceiptBundle
  /** Attestation keys, by node. */
  readonly signers: readonly Signer[]
  /** Transactions of the story, one a block. */
  readonly ids: readonly Uint8Array[]
}

/** Runs whole nodes in this process through a story of some ten blocks, waits until all of it is final, stops them. */
export async function tellLedger(directory: string, nodes = 4): Promise<ToldLedger> {
  const cluster = await createCluster(directory, nodes)
  try {
    await Promise.all(cluster.nodes.map((_, i) => cluster.startNode(i)))
    await cluster.leader()
    const blob = makeBlob(1, 1000)
    const signers = await attestationSigners(cluster)
    const told = await story(cluster, signers, blob.ref)
    const node = cluster.nodes[0]!
    const height = (): number => Math.min(...cluster.nodes.map((each) => each!.parts.store.finalHeight))
    await until(() => told.every(({ id }) => node.parts.store.locate(id) !== undefined) && height() >= node.parts.world.height)
    const bundles = await Promise.all(told.map(({ id }) => node.parts.store.receiptBundle(node.parts.store.locate(id)!)))
    await cluster.stop()
    const dataDirs = cluster.files.members.map(({ folder }) => join(folder, 'data'))
    for (const dataDir of dataDirs.slice(0, 3)) {
      const vault = await createStore(join(dataDir, 'vault'))
      await putAll(vault, blob)
      await vault.stop()
    }
    return { genesis: cluster.files.genesis, genesisPath: cluster.files.genesisPath, dataDirs, bundles: bundles as ReceiptBundle[], permit: bundles.at(-2)!, signers, ids: told.map(({ id }) => id) }
  } finally {
    await cluster.stop()
  }
}

function attestationSigners({ files: { members } }: TestCluster): Promise<Signer[]> {
  return Promise.all(members.map(async ({ folder, passphraseFile }) => createSigner((await readKeys(join(folder, 'node.json'), 'node', readFileSync(passphraseFile, 'utf8').trim())).attestation)))
}

async function story(cluster: TestCluster, signers: readonly Signer[], { blob, size }: { readonly blob: Uint8Array; readonly size: bigint }): Promise<Transaction[]> {
  const { chain } = cluster.files
  const clinic = institution(chain, 1, cluster.operators[0]!)
  const told: Transaction[] = []
  const tell = async (transaction: Transaction): Promise<void> => {
    told.push(transaction)
    const { admission, relay, driver } = cluster.nodes[told.length % cluster.nodes.length]!.parts
    const { transaction: admitted } = await admission.admit(transaction.bytes)
    relay.relay(admitted)
    driver.kick()
    // Each in a block of its own, and known to every node before the next one builds on it.
    await until(() => cluster.nodes.every((node) => node!.parts.store.locate(transaction.id) !== undefined))
  }
  const patient = enrolmentOf(chain, clinic, 'patient')
  const clinician = enrolmentOf(chain, institution(chain, 2, cluster.operators[1]!), 'clinician')
  await tell(patient.transaction)
  await tell(clinician.transaction)
  const untilMs = BigInt(Date.now() + 3_600_000)
  await tell(callOf(chain, institution(chain, 2, cluster.operators[1]!), 'identity', 'certify', { account: clinician.party.account, attribute: 'role', value: ROLES.physician, until: untilMs }))
  const sections: Section[] = [{ commitment: random.bytes(32), blob, size, class: 'clinical', confidentiality: 'N', tags: Array.from({ length: 16 }, () => random.bytes(16)).sort((a, b) => Buffer.compare(a, b)), capsule: new Uint8Array(0) }]
  const record = random.bytes(32)
  const receipts = signers.slice(0, 3).map((signer, i) => ({ node: i + 1, signature: signer.sign(storageReceiptBytes(chain, record, 1, sections)) }))
  await tell(callOf(chain, clinic, 'records', 'register', {
    record, version: 1, subject: patient.party.account, sections, custodians: [1], provenance: { activity: 'create', author: random.bytes(16), source: random.bytes(16), recordedAt: BigInt(Date.now()) }, receipts,
  }))
  const request = () => callOf(chain, clinician.party, 'access', 'request', { subject: patient.party.account, record, version: 0, sections: [0], action: 'read', purpose: 'TREAT', readerKey: random.bytes(32), detailsHash: random.bytes(32) })
  await tell(request())
  await tell(callOf(chain, patient.party, 'consent', 'grant', {
    seq: 1n, grantee: { kind: 'account', value: clinician.party.account }, from: 0n, until: untilMs, requires: [], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['read'],
  }))
  await tell(request())
  await tell(callOf(chain, patient.party, 'consent', 'revoke', { seq: 2n, consent: told.at(-2)!.id }))
  return told
}

/** A copy of a folder that a test may spoil. */
export function copyOf(folder: string, to: string): string {
  rmSync(to, { recursive: true, force: true })
  cpSync(folder, to, { recursive: true })
  return to
}

/**
 * The same records in the same order, written by the real ledger into much smaller segments, so that a short story fills several. `rewrite` may forge a record: then every
 * checksum is right and the content is not.
 */
export async function inSmallSegments(dataDir: string, chain: Uint8Array, segmentBytes = 24 * 1024, rewrite: (record: LedgerRecord) => LedgerRecord = (record) => record): Promise<void> {
  const from = join(dataDir, 'ledger')
  const to = join(dataDir, 'ledger-small')
  const opened = await openLedger({ directory: to, chainId: chain, segmentBytes }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: systemRandom, failed: (error) => { throw error } })
  if (opened.status !== 'normal') throw new Error('a new ledger is sound')
  const appends: Promise<void>[] = []
  await scanLedger(nodeFileSystem, from, (record) => {
    const batch = batchOf(rewrite(record.type === 'entry' ? { ...record, entry: { ...record.entry, data: record.entry.data.slice(), ...(record.entry.hash && { hash: record.entry.hash.slice() }) } } : record))
    if (batch !== undefined) appends.push(opened.ledger.append(batch))
  })
  await Promise.all(appends)
  await opened.ledger.close()
  rmSync(from, { recursive: true })
  renameSync(to, from)
}

function batchOf(record: LedgerRecord): LedgerBatch | undefined {
  switch (record.type) {
    case 'entry': return { entries: [record.entry] }
    case 'hardState': return { hardState: record.hardState }
    case 'certificate': return { certificate: record.certificate }
    case 'attestation': return { attestation: { ...record.attestation, bytes: record.attestation.bytes! } }
    case 'truncate': return { truncateFrom: record.from }
    default: return undefined
  }
}
