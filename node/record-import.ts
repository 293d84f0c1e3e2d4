import { setTimeout as sleep } from 'node:timers/promises'
import { uploadRecord, waitForReceipt } from '../client/actions/index.ts'
import type { SectionKeyStore } from '../client/actions/register-record.ts'
import { memorySpool } from '../client/cipher-spool.ts'
import { buildTransaction } from '../client/transaction.ts'
import type { Client } from '../client/create-client.ts'
import { isRetryable } from '../client/errors.ts'
import { inParallel } from '../client/parallel.ts'
import { prepareRecord } from '../client/record-input.ts'
import type { RecordInput } from '../client/record-input.ts'
import { resourceToRecord } from '../interop/fhir/record.ts'
import type { FhirResource } from '../interop/fhir/bundle.ts'
import { toHex } from '../primitives/bytes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { TagDictionary } from '../privacy/tags.ts'

/** How an import goes on through a node's restart or an election. Times in ms. */
export const IMPORT_DEFAULTS = { atOnce: 16, commitMs: 10_000, patienceMs: 60_000, pauseMs: 250 } as const

/** What an institution imports with: it signs as the custodian, and the keys go to its custodian process first. */
export interface ImportParts {
  /** Signs as the institution; its first node is the institution's own, which alone takes its ciphertext. */
  readonly client: Client
  readonly keyStore: SectionKeyStore
}

export interface StoredRecord { readonly record: Uint8Array; readonly version: number; readonly transaction: Uint8Array; readonly height: number }

/**
 * Stores one record version and waits until it is committed: encrypt, keep keys, upload, register. Every step is safe to repeat and is repeated while the
 * cluster is in trouble, for `patienceMs` at most; nothing is encrypted or registered twice. Throws what `registerRecord` throws.
 */
export async function storeRecord({ client, keyStore }: ImportParts, input: RecordInput, patienceMs: number = IMPORT_DEFAULTS.patienceMs): Promise<StoredRecord> {
  const spool = memorySpool()
  const prepared = await prepareRecord(input, spool, client.random)
  const { record, version, subject } = prepared.register
  const deadline = client.nowMs() + patienceMs
  await patiently(client, deadline, () => keyStore.keep({ subject, record, version, keys: prepared.keys }))
  const receipts = await patiently(client, deadline, () => uploadRecord(client, prepared, spool))
  // Built once: every attempt is the same transaction, so a repetition cannot register twice.
  const transaction = buildTransaction({ chain: client.chain.id, account: client.signer(), contract: 'records', call: 'register', args: { ...prepared.register, receipts } }, client)
  const height = await patiently(client, deadline, () => commit(client, transaction))
  return { record, version, transaction: transaction.id, height }
}

/** Sends and waits until committed in one request; in the rare case that this takes longer, goes on asking. Throws as `waitForReceipt` does. */
async function commit(client: Client, transaction: Transaction): Promise<number> {
  const status = await client.call('tx_send', { transaction: toHex(transaction.bytes), wait: 'committed', timeoutMs: IMPORT_DEFAULTS.commitMs }, { timeoutMs: 2 * IMPORT_DEFAULTS.commitMs })
  if ((status.status === 'committed' || status.status === 'final') && status.height !== null) return status.height
  return (await waitForReceipt(client, transaction.id, { until: 'committed', resend: transaction })).height
}

async function patiently<T>(client: Client, deadline: number, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error) || client.nowMs() >= deadline) throw error
    }
    await sleep(IMPORT_DEFAULTS.pauseMs)
  }
}

export interface ResourceImport {
  readonly subject: Uint8Array
  readonly tags: TagDictionary
  readonly custodian: number
  readonly resources: readonly FhirResource[]
  /** Names the importing system in the provenance tags. */
  readonly source: { readonly system: string; readonly value: string }
}

/** Stores FHIR resources of one subject, one record each, several at once. `onStored` sees each as it is committed. */
export async function importResources(parts: ImportParts, { subject, tags, custodian, resources, source }: ResourceImport, onStored: (resource: FhirResource, stored: StoredRecord) => void, atOnce: number = IMPORT_DEFAULTS.atOnce): Promise<void> {
  await inParallel(resources, atOnce, async (resource) => {
    const described = resourceToRecord(resource, { source, importedAtMs: parts.client.nowMs() })
    onStored(resource, await storeRecord(parts, { subject, tags, custodians: [custodian], ...described }))
  })
}
