import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { grantConsent, listAudit, listRecords, readPermitted, requestAccess, revokeConsent } from '../../client/actions/index.ts'
import { chainFromGenesis } from '../../client/chain.ts'
import { RESOURCE_TYPE_SYSTEM } from '../../client/consent-choices.ts'
import { createClient } from '../../client/create-client.ts'
import type { Client } from '../../client/create-client.ts'
import { fallback } from '../../client/transports/fallback.ts'
import { http } from '../../client/transports/http.ts'
import { createWallet } from '../../client/wallet.ts'
import type { Wallet } from '../../client/wallet.ts'
import { readGenesis } from '../../node/genesis-file.ts'
import { KEYSTORE_TEST_COST } from '../../node/keystore.ts'
import { openWallet, saveWallet } from '../../node/wallet-store.ts'
import { toHex } from '../../primitives/bytes.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import { encode } from '../../primitives/codec.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import type { ReceiptBundle } from '../../primitives/receipt.ts'
import type { RpcRecordVersion } from '../../primitives/rpc-types.ts'
import type { AuditDetails } from '../../privacy/audit-details.ts'
import { errorCode } from '../../primitives/error.ts'
import type { AccessDecision } from '../../client/actions/request-access.ts'
import { serveActor } from './actor-main.ts'
import { auditSentence } from './sentences.ts'
import { TYPE_WORDS } from './words.ts'

/** What a person shows an institution to be enrolled: public keys, and the tag key that the two will share. */
export interface Card { readonly signKey: Uint8Array; readonly sealKey: Uint8Array; readonly tagKey: Uint8Array }
export interface AskInput { readonly subject: Uint8Array; readonly record: Uint8Array; readonly purpose: Purpose; readonly details: AuditDetails; readonly auditors: readonly Uint8Array[] }
export interface AskResult { readonly decision: 'permit' | 'deny'; readonly plaintext?: Uint8Array; readonly bundle: Uint8Array; readonly decidedMs: number; readonly readMs: number }
export interface OwnRecord { readonly record: Uint8Array; readonly type: string; readonly confidentiality: string }
export interface TrailResult { readonly sentences: readonly string[]; readonly bundles: readonly Uint8Array[]; readonly opened: number }

const [folder, genesisPath, ...urls] = process.argv.slice(2) as [string, string, ...string[]]
const chain = chainFromGenesis(readGenesis(genesisPath))
const transport = fallback(urls.map((url) => http(url)))
const people = new Map<string, Wallet>()
const lastPermits = new Map<string, AccessDecision>()

serveActor({
  create: async ({ name, member }: { name: string; member: number }): Promise<Card> => {
    const wallet = createWallet({ seed: new Uint8Array(randomBytes(32)), chain: chain.id })
    const { tagKey } = wallet.addRelation(member)
    people.set(name, wallet)
    await save(name)
    const { signer, sealKeys } = wallet.keys(0)
    return { signKey: signer.publicKey, sealKey: sealKeys.publicKey, tagKey: tagKey! }
  },
  enrolled: async ({ name, account }: { name: string; account: Uint8Array }): Promise<void> => {
    walletOf(name).setAccount(0, account)
    await save(name)
  },
  grant: async ({ name, to, types, days, purposes }: { name: string; to: Uint8Array; types: string[]; days: number; purposes: Purpose[] }) => {
    const { consent, receipt } = await grantConsent(clientOf(name), { grantee: { account: to }, types, days, purposes }, walletOf(name).tags(0))
    await save(name)
    return { consent, bundle: bundleOf(receipt.bundle) }
  },
  /** Lets an institution put the person into tables that leave it. */
  grantExport: async ({ name, member, days, purposes }: { name: string; member: number; days: number; purposes: Purpose[] }) => {
    const { consent } = await grantConsent(clientOf(name), { grantee: { member }, days, purposes, actions: ['export'] }, walletOf(name).tags(0))
    return { consent }
  },
  revoke: async ({ name, consent }: { name: string; consent: Uint8Array }) => ({ bundle: bundleOf((await revokeConsent(clientOf(name), consent)).bundle) }),
  records: async ({ name }: { name: string }): Promise<OwnRecord[]> => (await listRecords(clientOf(name))).map((record) => ({
    record: Buffer.from(record.record, 'hex'), type: typeOf(name, record), confidentiality: record.sections[1]?.confidentiality ?? 'V',
  })),
  ask: async ({ name, subject, record, purpose, details, auditors }: AskInput & { name: string }): Promise<AskResult> => {
    const client = clientOf(name)
    const start = performance.now()
    const access = await requestAccess(client, { subject, record, sections: [1], action: 'read', purpose, details, auditors })
    const decidedMs = performance.now() - start
    const common = { bundle: bundleOf(access.receipt.bundle), decidedMs }
    if (access.decision.decision === 'deny') return { ...common, decision: 'deny', readMs: decidedMs }
    const [section] = await readPermitted(client, access)
    lastPermits.set(name, access)
    return { ...common, decision: 'permit', plaintext: section!.plaintext, readMs: performance.now() - start }
  },
  /** Asks again for the key of the last permit: until it ends the same bytes would be served, unless its basis is gone. */
  again: async ({ name }: { name: string }): Promise<{ code: string }> => readPermitted(clientOf(name), lastPermits.get(name)!, { keyWaitMs: 5_000 }).then(() => ({ code: 'OK' }), (error: unknown) => ({ code: errorCode(error) ?? 'UNKNOWN' })),
  trail: async ({ name, subject, of }: { name: string; subject?: Uint8Array; of: string }): Promise<TrailResult> => {
    const client = clientOf(name)
    const entries = await listAudit(client, subject === undefined ? {} : { subject })
    // Only the holder of the tag key can say what kind of record an entry is about; an auditor reads who, when, why and with what outcome.
    const types = of === name ? new Map((await listRecords(client)).map((record) => [record.record, typeOf(name, record)])) : new Map<string, string>()
    const oldestFirst = entries.toReversed()
    return {
      sentences: oldestFirst.map((entry) => auditSentence(entry, { typeOf: (record) => types.get(record) })),
      bundles: oldestFirst.map(({ bundle }) => bundleOf(bundle)), opened: entries.filter(({ detailsState }) => detailsState === 'open').length,
    }
  },
})

/** The record's FHIR type by its tags: the wallet knows the words, the ledger shows only the tags. */
function typeOf(name: string, { sections }: RpcRecordVersion): string {
  const tags = new Set(sections[1]?.tags)
  const dictionary = walletOf(name).tags(0)
  return Object.keys(TYPE_WORDS).find((value) => tags.has(toHex(dictionary.add({ kind: 'type', system: RESOURCE_TYPE_SYSTEM, value })))) ?? 'unknown'
}

function bundleOf(bundle: ReceiptBundle | undefined): Uint8Array {
  return bundle === undefined ? new Uint8Array(0) : encode(receiptBundle, bundle)
}

function clientOf(name: string): Client {
  return createClient({ transport, chain, account: walletOf(name).account(0) })
}

function walletOf(name: string): Wallet {
  const wallet = people.get(name)
  if (wallet === undefined) throw new RangeError(`nobody here is called ${name}`)
  return wallet
}

/** The wallet file, encrypted; its passphrase lies beside it because nobody is there to type one. Read back, so that the demo runs on what is on disk. */
async function save(name: string): Promise<void> {
  const own = join(folder, name.replaceAll(/[^A-Za-z0-9]+/g, '-').toLowerCase())
  mkdirSync(own, { recursive: true, mode: 0o700 })
  const passphraseFile = join(own, 'passphrase')
  if (!existsSync(passphraseFile)) writeFileSync(passphraseFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  const passphrase = readFileSync(passphraseFile, 'utf8')
  const path = join(own, 'wallet.json')
  await saveWallet(path, walletOf(name), passphrase, { replace: true, cost: KEYSTORE_TEST_COST })
  people.set(name, await openWallet(path, passphrase))
}
