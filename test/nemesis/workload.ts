import { toHex } from '../../primitives/bytes.ts'
import type { ConsentTerms } from '../../primitives/calls/consent.ts'
import { signRequest } from '../../primitives/request.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { systemRandom } from '../../node/system.ts'
import { callOf, enrolmentOf } from '../helpers/calls.ts'
import type { Party } from '../helpers/calls.ts'
import { callRpc } from '../helpers/dev.ts'
import type { Request, Value } from '../history/operation.ts'
import type { Completion } from './recorder.ts'
import type { Fate, Sender } from './sender.ts'

/** A register on the ledger that several clients use at once. */
export interface Register {
  readonly key: string
  /** What it holds before anybody uses it. */
  readonly initial: Value
  /** The operation a client does next, drawn by `choose`. */
  next(choose: (below: number) => number): Request
  run(request: Request): Promise<Completion>
}

/** Ledger operations are valid this long, so that each is decided soon after a client stopped hearing of it. */
const LIFETIME_MS = 15_000
/** A client asks until block time has certainly passed `validUntil`, if there are blocks. */
const PATIENCE_MS = 20_000
const READ_MS = 4000
/** Values are kept in `until`, far in the future: an attribute that ends at this time plus the value. */
const UNTIL_BASE = 4_000_000_000_000n

export class Workload {
  readonly #chain: Uint8Array
  readonly #members: readonly Party[]
  readonly #sender: Sender
  /** Codes of receipts that no register expects, with how often: a bug of the workload or of the ledger. */
  readonly oddities = new Map<string, number>()
  #values = 0

  constructor(chain: Uint8Array, members: readonly Party[], sender: Sender) {
    this.#chain = chain
    this.#members = members
    this.#sender = sender
  }

  /** A register that is written, deleted and read: an attribute that an institution certifies of an account. Undefined when the ledger takes no enrolment now. */
  async attribute(member: number): Promise<Register | undefined> {
    const issuer = this.#members[member]!
    const account = await this.#enrol(issuer, 'service')
    if (account === undefined) return undefined
    const name = toHex(account.account)
    return {
      key: `attribute ${name.slice(0, 12)}`, initial: null,
      next: (choose) => [{ f: 'read' }, { f: 'write', value: ++this.#values }, { f: 'read' }, { f: 'write', value: ++this.#values }, { f: 'delete' }][choose(5)] as Request,
      run: async (request) => {
        if (request.f === 'read') return this.#read(async () => {
          const { attributes } = await this.#ask(issuer, 'identity_account', { account: name })
          const found = attributes.find(({ attribute }) => attribute === 'role')
          return found === undefined ? null : found.until - Number(UNTIL_BASE)
        })
        if (request.f === 'write') return this.#completed(await this.#send(callOf(this.#chain, issuer, 'identity', 'certify', { account: account.account, attribute: 'role', value: 1, until: UNTIL_BASE + BigInt(Number(request.value)) }, lifetime())), [])
        return this.#completed(await this.#send(callOf(this.#chain, issuer, 'identity', 'decertify', { account: account.account, attribute: 'role' }, lifetime())), ['ATTRIBUTE_NOT_FOUND'])
      },
    }
  }

  /**
   * A register that is compared and set, and read: the version of a consent, which an amendment raises by one if it names the present one. `seq` goes
   * with the version, so both conditions of the contract are this one. Undefined when the ledger takes no consent now.
   */
  async consent(member: number): Promise<Register | undefined> {
    const patient = await this.#enrol(this.#members[member]!, 'patient')
    const grantee = { kind: 'member', value: 1 } as const
    if (patient === undefined) return undefined
    const grant = callOf(this.#chain, patient, 'consent', 'grant', { seq: 1n, grantee, ...terms() }, lifetime())
    const granted = await this.#send(grant)
    if (granted.kind !== 'agreed' || granted.code !== 'OK') return undefined
    const name = toHex(patient.account)
    let seen = 1
    return {
      key: `consent ${name.slice(0, 12)}`, initial: 1,
      next: (choose) => {
        if (choose(4) === 0) return { f: 'read' }
        // Now and then a version that is not the newest, or one that is not there yet.
        const from = choose(4) === 0 ? Math.max(1, seen - 1 + choose(3)) : seen
        return { f: 'cas', from, to: from + 1 }
      },
      run: async (request) => {
        if (request.f !== 'cas') return this.#read(async () => {
          const { items } = await this.#ask(patient, 'consent_list', { patient: name })
          seen = items[0]!.version
          return seen
        })
        const replaces = Number(request.from)
        const completion = this.#completed(await this.#send(callOf(this.#chain, patient, 'consent', 'amend', {
          seq: BigInt(replaces + 1), consent: grant.id, replaces, grantee, ...terms(),
        }, lifetime())), ['SEQ_TOO_LOW', 'CONSENT_VERSION_STALE'])
        if (completion.type === 'ok') seen = Math.max(seen, replaces + 1)
        return completion
      },
    }
  }

  async #enrol(by: Party, kind: 'service' | 'patient'): Promise<Party | undefined> {
    const { transaction, party } = enrolmentOf(this.#chain, by, kind, lifetime())
    const fate = await this.#send(transaction)
    return fate.kind === 'agreed' && fate.code === 'OK' ? party : undefined
  }

  #send(transaction: Transaction): Promise<Fate> {
    return this.#sender.send(transaction, PATIENCE_MS)
  }

  #completed(fate: Fate, conditions: readonly string[]): Completion {
    if (fate.kind !== 'agreed') return { type: fate.kind === 'none' ? 'dropped' : 'unknown' }
    if (fate.code === 'OK') return { type: 'ok' }
    if (conditions.includes(fate.code)) return { type: 'fail' }
    this.oddities.set(fate.code, (this.oddities.get(fate.code) ?? 0) + 1)
    return { type: 'dropped' }
  }

  /** A linearizable read at any node. One that got no answer saw nothing. */
  async #read(read: () => Promise<Value>): Promise<Completion> {
    try {
      return { type: 'ok', value: await read() }
    } catch (error) {
      if (!(error instanceof Error) || error instanceof TypeError && !('cause' in error)) throw error
      return { type: 'dropped' }
    }
  }

  #ask<M extends 'identity_account' | 'consent_list'>(as: Party, method: M, of: object): ReturnType<typeof callRpc<M>> {
    const params = { ...of, consistency: 'linearizable' }
    const auth = signRequest(this.#chain, method, params, as.account, as.signer, systemRandom.bytes(16), Date.now())
    return callRpc(this.#sender.anyUrl(), method, { ...params, auth }, READ_MS)
  }
}

const terms = (): Omit<ConsentTerms, 'grantee'> => ({ from: 0n, until: UNTIL_BASE, requires: [], classes: [], confidentialityMax: 'N', purposes: ['TREAT'], actions: ['read'] })
const lifetime = (): { readonly validUntil: bigint } => ({ validUntil: BigInt(Date.now() + LIFETIME_MS) })
