import { randomUUID } from 'node:crypto'
import type { Account } from '../client/account.ts'
import { chainFromGenesis } from '../client/chain.ts'
import { grantConsent } from '../client/actions/consent.ts'
import { certifyAttribute, enrolAccount } from '../client/actions/identity.ts'
import { registerRecord } from '../client/actions/register-record.ts'
import { createClient } from '../client/create-client.ts'
import type { Client } from '../client/create-client.ts'
import { http } from '../client/transports/http.ts'
import { createWallet } from '../client/wallet.ts'
import { utf8Bytes } from '../primitives/bytes.ts'
import { accessCalls } from '../primitives/calls/access.ts'
import type { DecisionEvent } from '../primitives/calls/access.ts'
import { encode } from '../primitives/codec.ts'
import { createTransaction } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { waitForReceipt } from '../client/actions/wait-for-receipt.ts'
import type { BenchNetwork } from './network.ts'
import { random, validUntil } from './transactions.ts'
import type { Institutions } from './transactions.ts'

const DAY_MS = 86_400_000

/** A patient's record that one clinician of each institution may read for treatment. */
export interface AccessScene { readonly chain: Uint8Array; readonly patient: Uint8Array; readonly record: Uint8Array; readonly clinicians: readonly Account[]; readonly client: Client }

/** Sets the scene with the client's own actions: enrolled and certified people, a stored and registered record, a consent for each clinician. */
export async function setScene(network: BenchNetwork, { genesis, accounts }: Institutions): Promise<AccessScene> {
  const chain = chainFromGenesis(genesis)
  const clients = accounts.map((account, i) => createClient({ transport: http(network.nodes[i]!.process.rpc), chain, account }))
  const hospital = clients[0]!
  const wallet = createWallet({ seed: random(32), chain: chain.id })
  wallet.addRelation(1)
  wallet.setAccount(0, (await enrolAccount(hospital, { kind: 'patient', keys: wallet.keys(0) })).account)
  const patient = wallet.account(0)
  const clinicians = await Promise.all(clients.map(enrolClinician))
  const { record } = await registerRecord(hospital, {
    subject: patient.id, tags: wallet.tags(0), descriptor: utf8Bytes('{"type":"Observation"}'), custodians: [1],
    sections: [{ plaintext: random(1024), class: 'clinical', confidentiality: 'N', meanings: [{ kind: 'type', system: 'http://hl7.org/fhir/resource-types', value: 'Observation' }] }],
    provenance: { activity: 'create', author: { system: 'urn:ietf:rfc:3986', value: `urn:uuid:${randomUUID()}` }, source: { system: 'urn:ietf:rfc:3986', value: `urn:uuid:${randomUUID()}` }, recordedAtMs: Date.now() },
  }, { keep: () => Promise.resolve() })
  const person = createClient({ transport: http(network.nodes[0]!.process.rpc), chain, account: patient })
  for (const { id } of clinicians) await grantConsent(person, { grantee: { account: id }, purposes: ['TREAT'], days: 2 }, wallet.tags(0))
  return { chain: chain.id, patient: patient.id, record, clinicians, client: hospital }
}

async function enrolClinician(institution: Client): Promise<Account> {
  const keys = createWallet({ seed: random(32), chain: institution.chain.id }).keys(0)
  const { account } = await enrolAccount(institution, { kind: 'clinician', keys })
  const untilMs = Date.now() + DAY_MS
  await certifyAttribute(institution, { account, attribute: 'role', value: 'physician', untilMs })
  await certifyAttribute(institution, { account, attribute: 'licence', value: 'active', untilMs })
  return { id: account, ...keys }
}

/** Signed requests to read the record by every clinician in turn, each under a fresh reader key: every one is decided, and its decision is the audit entry. */
export function accessRequests({ chain, patient, record, clinicians }: AccessScene, count: number): Transaction[] {
  const until = validUntil()
  return Array.from({ length: count }, (_, i) => {
    const { id, signer } = clinicians[i % clinicians.length]!
    const args = encode(accessCalls.request, { subject: patient, record, version: 0, sections: [1], action: 'read', purpose: 'TREAT', readerKey: random(32), detailsHash: random(32) })
    return createTransaction({ chain, account: id, contract: 'access', call: 'request', args, validUntil: until, salt: random(16) }, signer)
  })
}

/** Throws unless the final, verified receipts of first and last request say that access was permitted: denials would be cheaper. */
export async function checkPermitted({ client }: AccessScene, requests: readonly Transaction[]): Promise<void> {
  for (const { id } of [requests[0]!, requests.at(-1)!]) {
    const { events } = await waitForReceipt(client, id)
    const data = events.find(({ contract, name }) => contract === 'access' && name === 'decision')?.data as DecisionEvent | undefined
    if (data?.decision !== 'permit') throw new Error(`a request was decided ${data?.decision ?? 'not at all'}`)
  }
}
