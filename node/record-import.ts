import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendAndWait, uploadRecord } from '../client/actions/index.ts'
import type { SectionKeyStore } from '../client/actions/register-record.ts'
import type { ConfirmedReceipt } from '../client/actions/wait-for-receipt.ts'
import { memorySpool } from '../client/cipher-spool.ts'
import type { Client } from '../client/create-client.ts'
import { isRetryable } from '../client/errors.ts'
import { inParallel } from '../client/parallel.ts'
import { prepareRecord } from '../client/record-input.ts'
import type { RecordInput } from '../client/record-input.ts'
import { resourceToRecord } from '../interop/fhir/record.ts'
import type { FhirResource } from '../interop/fhir/bundle.ts'
import type { TagDictionary } from '../privacy/tags.ts'

/** How an import goes on through a node's restart or an election. Times in ms. */
export const IMPORT_DEFAULTS = { atOnce: 12, patienceMs: 60_000, pauseMs: 250 } as const

/** What an institution imports with: it signs as the custodian, and the keys go to its custodian process first. */
export interface ImportParts {
  /** Signs as the institution; its first node is the institution's own, which alone takes its ciphertext. */
  readonly client: Client
  readonly keyStore: SectionKeyStore
}

export interface StoredRecord { readonly record: Uint8Array; readonly version: number; readonly receipt: ConfirmedReceipt }

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
  const call = { contract: 'records', call: 'register', args: { ...prepared.register, receipts } } as const
  // One salt and one end of validity make every attempt the same transaction, so a repetition cannot register twice.
  const same = { salt: new Uint8Array(randomBytes(16)), validUntilMs: client.nowMs() + 300_000 }
  const receipt = await patiently(client, deadline, () => sendAndWait(client, call, { until: 'committed', ...same }))
  return { record, version, receipt }
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
