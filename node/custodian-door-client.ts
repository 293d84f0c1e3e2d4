import { Agent, request } from 'node:http'
import { decode, encode } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { SectionKeyStore } from '../client/actions/register-record.ts'
import { doorAnswer, doorRequest } from './custodian-door.ts'
import type { DoorAnswer, DoorRequest } from './custodian-door.ts'

const TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 8

/** The importer's side of the custodian's door. Give it to `registerRecord` as the key store. */
export class CustodianDoorClient implements SectionKeyStore {
  readonly #socket: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX })

  constructor(options: { readonly socket: string }) {
    this.#socket = options.socket
  }

  /** On the custodian's disk when this returns. Throws `CUSTODIAN_UNREACHABLE` (retryable) or `CUSTODIAN_REFUSED`. */
  async keep({ record, version, keys }: Parameters<SectionKeyStore['keep']>[0]): Promise<void> {
    await this.#ask({ kind: 'keepKeys', value: { record, version, keys: [...keys] } })
  }

  /** Keeps the tag key of a relation, that is of one patient account. */
  async keepRelation(subject: Uint8Array, tagKey: Uint8Array): Promise<void> {
    await this.#ask({ kind: 'keepRelation', value: { subject, tagKey } })
  }

  /** Keeps the signed enrolment of a card and, with it, the tag key of the account that it will make. A later one of the same card takes its place. */
  async keepEnrolment(enrolment: Extract<DoorRequest, { kind: 'keepEnrolment' }>['value']): Promise<void> {
    await this.#ask({ kind: 'keepEnrolment', value: enrolment })
  }

  /** The signed enrolment of a card; undefined when there was none. */
  async enrolment(card: Uint8Array): Promise<Uint8Array | undefined> {
    const answer = await this.#ask({ kind: 'enrolment', value: { card } })
    return answer.kind === 'enrolment' ? answer.value.transaction ?? undefined : undefined
  }

  /** Undefined when the relation is unknown or was erased. */
  async tagKey(subject: Uint8Array): Promise<Uint8Array | undefined> {
    const answer = await this.#ask({ kind: 'relation', value: { subject } })
    return answer.kind === 'relation' ? answer.value.tagKey ?? undefined : undefined
  }

  close(): void {
    this.#agent.destroy()
  }

  async #ask(asked: DoorRequest): Promise<DoorAnswer> {
    const body = encode(doorRequest, asked)
    // Every request may be repeated; a kept connection that the custodian has just closed looks like a dead custodian once.
    const answer = decode(doorAnswer, await this.#post(body).catch(() => this.#post(body)))
    if (answer.kind === 'refused') throw new SteleError({ code: 'CUSTODIAN_REFUSED', message: 'the custodian refused', details: { code: answer.value.code, text: answer.value.message } })
    return answer
  }

  #post(body: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => reject(new SteleError({ code: 'CUSTODIAN_UNREACHABLE', message: 'the custodian does not answer', details: { socket: this.#socket, reason: errorCode(cause) }, cause, retryable: true }))
      const call = request({ socketPath: this.#socket, agent: this.#agent, method: 'POST', path: '/', timeout: TIMEOUT_MS, headers: { 'content-length': body.length } }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece)).on('error', fail).on('end', () => resolve(new Uint8Array(Buffer.concat(pieces))))
      })
      call.on('timeout', () => call.destroy(new Error('timed out'))).on('error', fail).end(body)
    })
  }
}
