import { toHex } from '../../primitives/bytes.ts'
import type { recordsEvents } from '../../primitives/calls/index.ts'
import { decode, type Infer } from '../../primitives/codec.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import type { RpcRecordVersion } from '../../primitives/rpc-types.ts'
import { collectBytes, openSection } from '../../privacy/decrypt-section.ts'
import { openSectionKey } from '../../privacy/seal.ts'
import type { SectionKey } from '../../privacy/section-format.ts'
import { fetchChunks, fetchChunkHashes, type StoredSection } from '../blob-fetch.ts'
import type { Client, SignedOptions } from '../create-client.ts'
import { clientError } from '../errors.ts'
import { bytesOf } from '../hex.ts'
import { collectPages } from '../pages.ts'
import { sleep } from '../platform.ts'
import { decodeEvents } from '../transaction.ts'
import { verifyReceiptBundle } from '../verify-receipt.ts'
import { requestAccess, type AccessDecision, type AccessInput } from './request-access.ts'
import type { SendOptions } from './send-transaction.ts'
import type { WaitOptions } from './wait-for-receipt.ts'

export interface ReadOptions extends SendOptions, WaitOptions {
  /** Longest wait for the custodian to seal a key, ms; never beyond the permit's end. */
  readonly keyWaitMs?: number
  /** Largest section read into memory, bytes. */
  readonly plaintextBytesMax?: number
}

export const READ_DEFAULTS = { keyWaitMs: 30_000, keyPollMs: 150, keyPollMsMax: 2_000, plaintextBytesMax: 256 * 1024 * 1024 } as const

/** A section in clear, every byte checked against the commitment on the ledger. */
export interface ReadSection {
  readonly section: number
  readonly plaintext: Uint8Array
}

/**
 * Reads sections of a record: asks for access, waits for the final decision, takes the keys that the custodian sealed to this request alone, fetches ciphertext
 * from whichever nodes have it and decrypts. Throws `CLIENT_ACCESS_DENIED` (the request stands in the audit trail), `CLIENT_KEY_NOT_RELEASED`,
 * `CLIENT_CHUNK_UNAVAILABLE`, SECTION_*, and what waiting throws.
 */
export async function readRecord(client: Client, input: AccessInput, options: ReadOptions = {}): Promise<{ readonly access: AccessDecision; readonly sections: readonly ReadSection[] }> {
  const access = await requestAccess(client, input, options)
  return { access, sections: await readPermitted(client, access, options) }
}

/** The second half of `readRecord`, for a decision that is already there; may be repeated until the permit ends. */
export async function readPermitted(client: Client, access: AccessDecision, options: ReadOptions = {}): Promise<readonly ReadSection[]> {
  const { decision } = access
  if (decision.decision === 'deny') throw clientError('CLIENT_ACCESS_DENIED', { details: { request: toHex(access.request) } })
  const { account, signal, plaintextBytesMax = READ_DEFAULTS.plaintextBytesMax } = options
  const signed = { ...(account && { account }), ...(signal && { signal }) }
  const version = await recordVersion(client, access, signed)
  const sections: ReadSection[] = []
  for (const section of decision.sections) {
    const stored = storedSection(version, section)
    const key = await waitForKey(client, access, section, options)
    const opened = await openSection({ record: decision.record, version: decision.version, section }, stored, key, await fetchChunkHashes(client, stored, signed))
    const plaintext = await collectBytes(opened.decrypt(fetchChunks(client, stored, opened, signed)), plaintextBytesMax)
    sections.push({ section, plaintext })
  }
  return sections
}

type RegisteredEvent = Infer<typeof recordsEvents.registered>

/** What the ledger says of the version that the permit names. A lie about its commitments shows when the key that the custodian sealed does not fit them. */
async function recordVersion(client: Client, { decision }: AccessDecision, signed: SignedOptions): Promise<RpcRecordVersion> {
  const record = toHex(decision.record)
  const versions = await collectPages((page) => client.callSigned('record_history', { record, ...page }, signed))
  const found = versions.find(({ version }) => version === decision.version)
  if (found === undefined) throw clientError('CLIENT_RESPONSE_INVALID', { details: { field: 'version', rule: 'the permitted version must be in the history' } })
  verifyRegistration(client, found)
  return found
}

/** Checks that the members attested the registration of this record version. What it does not show is the commitments: see the comment above. */
function verifyRegistration(client: Client, { record, version, registeredBy, bundle }: RpcRecordVersion): void {
  if (registeredBy === null) throw clientError('CLIENT_PROOF_PRUNED', { details: { record, version } })
  // A permit is final before it is used, and it stands on this registration, so a node that has none to show is behind or lies.
  if (bundle === null) throw clientError('CLIENT_RESPONSE_INVALID', { retryable: true, details: { field: 'bundle', rule: 'must prove the registration' } })
  const { receipt } = verifyReceiptBundle(client.chain, decode(receiptBundle, bytesOf('bundle', bundle)), { transaction: bytesOf('registeredBy', registeredBy, 32) })
  const proven = decodeEvents(receipt).find(({ contract, name }) => contract === 'records' && name === 'registered')?.data as RegisteredEvent | undefined
  if (proven === undefined || toHex(proven.record) !== record || proven.version !== version) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: record, version } })
}

function storedSection({ sections }: RpcRecordVersion, section: number): StoredSection {
  const found = sections[section]
  if (found === undefined) throw clientError('CLIENT_RESPONSE_INVALID', { details: { field: 'sections', rule: 'must hold the permitted section', section } })
  if (!/^[0-9]{1,20}$/.test(found.size)) throw clientError('CLIENT_RESPONSE_INVALID', { details: { field: 'size', rule: 'must be a decimal string' } })
  return { commitment: bytesOf('commitment', found.commitment, 32), blob: bytesOf('blob', found.blob, 32), size: BigInt(found.size) }
}

/** Polls the mailbox until the key is there. Any node will do: members bring entries to each other, and a node without one asks the rest. */
async function waitForKey(client: Client, { request, decision, readerKeys }: AccessDecision, section: number, { account, signal, keyWaitMs = READ_DEFAULTS.keyWaitMs }: ReadOptions): Promise<SectionKey> {
  const { record, version, readerKey } = decision
  const context = { chain: client.chain.id, request, record, version, section, readerKey }
  const deadline = Math.min(client.nowMs() + keyWaitMs, Number(decision.until))
  let pause: number = READ_DEFAULTS.keyPollMs
  for (;;) {
    try {
      const entry = await client.callSigned('vault_mailbox_get', { request: toHex(request), section, kind: 'key' }, { ...(account && { account }), ...(signal && { signal }) })
      return await openSectionKey(readerKeys.secretKey, context, bytesOf('sealed', entry.sealed))
    } catch (error) {
      if (!isNotYet(error)) throw error
    }
    if (client.nowMs() >= deadline) throw clientError('CLIENT_KEY_NOT_RELEASED', { details: { request: toHex(request), section } })
    await sleep(pause, signal)
    pause = Math.min(pause * 1.5, READ_DEFAULTS.keyPollMsMax)
  }
}

/** Nothing waits yet, or too few members answered the node that serves the key, as happens around the loss of one. A permit that is over is refused for good. */
function isNotYet(error: unknown): boolean {
  const code = errorCode(error)
  if (code === 'RELEASE_REFUSED') return error instanceof SteleError && (error.details['reason'] === 'RELEASE_TOO_FEW_HEADS' || error.details['reason'] === 'RELEASE_HEAD_NOT_REACHED')
  return code === 'RPC_NOT_FOUND' || code === 'MAILBOX_NOT_FOUND'
}
