import { readFileSync } from 'node:fs'
import { toHex } from '../../primitives/bytes.ts'
import { decisionEvent } from '../../primitives/calls/access.ts'
import type { DecisionEvent } from '../../primitives/calls/access.ts'
import { ROLES } from '../../primitives/calls/index.ts'
import { storageReceiptBytes } from '../../primitives/calls/records.ts'
import { decode } from '../../primitives/codec.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import { createSigner } from '../../primitives/signature.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { readKeys } from '../../node/keys.ts'
import { ReleaseCheck } from '../../node/release-check.ts'
import type { SteleNode } from '../../node/stele-node.ts'
import { systemRandom } from '../../node/system.ts'
import { callOf, enrolmentOf, institution } from './calls.ts'
import type { Party } from './calls.ts'
import { createCluster, until } from './cluster.ts'
import type { TestCluster } from './cluster.ts'
import { sectionOf } from './contract-world.ts'

/** A committed transaction: where it stands and what came of it. */
export interface Outcome { readonly height: number; readonly receipt: Receipt }

/** A patient with one record of two sections and the count for `seq`. */
export interface Patient extends Party { seq: bigint; readonly record: Uint8Array }

/** Whole nodes in this process with institutions, patients and a clinician on them; transactions go through real blocks. */
export class Clinic {
  readonly cluster: TestCluster
  readonly outcomes = new Map<string, Outcome>()
  readonly institutions: readonly Party[]
  readonly releases: ReleaseCheck[] = []
  readonly #attestation: readonly Uint8Array[]

  private constructor(cluster: TestCluster, attestation: readonly Uint8Array[]) {
    this.cluster = cluster
    this.#attestation = attestation
    this.institutions = cluster.operators.map((signer, i) => institution(cluster.files.chain, i + 1, signer))
  }

  static async open(directory: string, count: number, options: Parameters<typeof createCluster>[2] = {}): Promise<Clinic> {
    const cluster = await createCluster(directory, count, options)
    const keys = await Promise.all(cluster.files.members.map(({ folder, passphraseFile }) => readKeys(`${folder}/node.json`, 'node', readFileSync(passphraseFile, 'utf8').trim())))
    const clinic = new Clinic(cluster, keys.map(({ attestation }) => attestation))
    await Promise.all(keys.map((_, i) => cluster.startNode(i)))
    for (const [i, node] of clinic.nodes.entries()) {
      node.onCommitted((block) => block.receipts.forEach((receipt) => clinic.outcomes.set(toHex(receipt.tx), { height: block.height, receipt })))
      const release = new ReleaseCheck(node, createSigner(keys[i]!.attestation))
      release.start()
      clinic.releases.push(release)
    }
    await cluster.leader()
    return clinic
  }

  get chain(): Uint8Array { return this.cluster.files.chain }
  get nodes(): SteleNode[] { return this.cluster.nodes.flatMap((node) => node ?? []) }

  /** Hands a transaction to node `i`, which passes it on. Throws what the door throws. */
  async send(transaction: Transaction, i = 0): Promise<void> {
    const { admission, relay, driver } = this.nodes[i]!.parts
    await admission.admit(transaction.bytes)
    relay.relay(transaction)
    driver.kick()
  }

  /** Resolves once `nodes` have all of these durably committed and final. */
  async settled(transactions: readonly Transaction[], nodes = this.nodes): Promise<Outcome[]> {
    await until(() => transactions.every(({ id }) => {
      const height = this.outcomes.get(toHex(id))?.height
      return height !== undefined && nodes.every(({ parts }) => parts.store.finalHeight >= height)
    }))
    return transactions.map(({ id }) => this.outcomes.get(toHex(id))!)
  }

  /** Sends and waits; gives the receipt's code. */
  async run(...transactions: readonly Transaction[]): Promise<string[]> {
    for (const transaction of transactions) await this.send(transaction)
    return (await this.settled(transactions)).map(({ receipt }) => receipt.code)
  }

  async enrol(member: number, kind: 'patient' | 'clinician', count: number): Promise<Party[]> {
    const enrolments = Array.from({ length: count }, () => enrolmentOf(this.chain, this.institutions[member - 1]!, kind))
    await this.run(...enrolments.map(({ transaction }) => transaction))
    return enrolments.map(({ party }) => party)
  }

  /** Patients of member 1, each with a registered record. */
  async patients(count: number): Promise<Patient[]> {
    const patients = (await this.enrol(1, 'patient', count)).map((party) => ({ ...party, seq: 0n, record: systemRandom.bytes(32) }))
    await this.run(...patients.map(({ account, record }, i) => {
      const sections = [sectionOf(`${i} 0`), sectionOf(`${i} 1`)]
      const message = storageReceiptBytes(this.chain, record, 1, sections)
      const receipts = this.#attestation.map((seed, node) => ({ node: node + 1, signature: createSigner(seed).sign(message) }))
      const provenance = { activity: 'create', author: systemRandom.bytes(16), source: systemRandom.bytes(16), recordedAt: BigInt(Date.now()) } as const
      return callOf(this.chain, this.institutions[0]!, 'records', 'register', { record, version: 1, subject: account, sections, custodians: [1], provenance, receipts })
    }))
    return patients
  }

  async physician(): Promise<Party> {
    const [clinician] = await this.enrol(2, 'clinician', 1)
    await this.run(callOf(this.chain, this.institutions[1]!, 'identity', 'certify', { account: clinician!.account, attribute: 'role', value: ROLES.physician, until: BigInt(Date.now() + 3_600_000) }))
    return clinician!
  }

  /** A consent for everything, for treatment, to whoever member 2 enrolled. */
  grant(patient: Patient): Transaction {
    return callOf(this.chain, patient, 'consent', 'grant', { seq: patient.seq += 1n, grantee: { kind: 'member', value: 2 }, from: 0n, until: BigInt(Date.now() + 3_600_000), requires: [], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['read'] })
  }

  revoke(patient: Patient, consent: Transaction): Transaction {
    return callOf(this.chain, patient, 'consent', 'revoke', { seq: patient.seq += 1n, consent: consent.id })
  }

  request(reader: Party, { account, record }: Patient): Transaction {
    return callOf(this.chain, reader, 'access', 'request', { subject: account, record, version: 0, sections: [1], action: 'read', purpose: 'TREAT', readerKey: systemRandom.bytes(32), detailsHash: systemRandom.bytes(32) })
  }

  /** What the custodian at node `i` is told when it wants to hand out the key. */
  async release(request: Transaction, i = 0): Promise<string> {
    return (await this.releases[i]!.check(request.id, systemRandom.bytes(32), AbortSignal.timeout(90_000))).code
  }
}

export function decisionIn({ receipt }: Outcome): DecisionEvent {
  return decode(decisionEvent, receipt.events[0]!.data)
}
