import { chmod, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { array, bytes, decode, encode, fixedBytes, optional, struct, text, u32, variant } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { TRANSACTION_LIMITS } from '../primitives/transaction.ts'
import { sectionKeySchema } from '../privacy/section-format.ts'
import type { CustodianKeys } from './custodian-keys.ts'

/** Bytes of one request at most: the keys of a record with all its sections. */
const BODY_BYTES_MAX = 256 * 1024
/** Bytes a Unix socket's path may have; Linux takes 107, macOS 103. */
const SOCKET_PATH_MAX = 103
const transaction = bytes({ max: TRANSACTION_LIMITS.transactionBytesMax })

/** What the importer asks of its custodian. Bytes in the canonical codec, one request a POST. */
export const doorRequest = variant({
  keepKeys: struct({ record: fixedBytes(32), version: u32, keys: array(sectionKeySchema, { max: 64, min: 1 }) }),
  keepRelation: struct({ subject: fixedBytes(32), tagKey: fixedBytes(32) }),
  relation: struct({ subject: fixedBytes(32) }),
  keepEnrolment: struct({ card: fixedBytes(32), account: fixedBytes(32), transaction, tagKey: optional(fixedBytes(32)) }),
  enrolment: struct({ card: fixedBytes(32) }),
})
export type DoorRequest = Infer<typeof doorRequest>
export const doorAnswer = variant({
  kept: struct({}), relation: struct({ tagKey: optional(fixedBytes(32)) }), enrolment: struct({ transaction: optional(transaction) }), refused: struct({ code: text({ max: 64 }), message: text({ max: 256 }) }),
})
export type DoorAnswer = Infer<typeof doorAnswer>

/**
 * The door between an institution's importer and its custodian: HTTP on a Unix socket that only the operating system's same user can open (mode 0600 in a
 * folder of 0700). Keys come in; none ever goes out. The tag key of a relation goes out again, because importing further records needs it.
 */
export class CustodianDoor {
  readonly #path: string
  readonly #keys: CustodianKeys
  readonly #logger: Logger
  #server: Server | undefined

  constructor(options: { readonly socket: string }, { keys, logger }: { readonly keys: CustodianKeys; readonly logger: Logger }) {
    if (Buffer.byteLength(options.socket) > SOCKET_PATH_MAX) {
      throw new SteleError({ code: 'CUSTODIAN_SOCKET_LONG', message: 'the path of the socket is too long', details: { socket: options.socket, bytesMax: SOCKET_PATH_MAX } })
    }
    this.#path = options.socket
    this.#keys = keys
    this.#logger = logger
  }

  /** Resolves when the socket takes requests. The lock on the data folder is held, so a socket left there is a dead one's. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return
    await rm(this.#path, { force: true })
    const server = createServer((request, response) => void this.#serve(request, response))
    server.requestTimeout = 10_000
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#path, resolve)
    })
    await chmod(this.#path, 0o600)
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeIdleConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request).catch((error: unknown): DoorAnswer => {
      this.#logger.warn({ error }, 'a request at the door was refused')
      // The text of foreign errors may hold paths; the code says enough to the caller.
      return { kind: 'refused', value: { code: errorCode(error) ?? 'INTERNAL', message: error instanceof SteleError ? error.message : 'the log of the custodian says more' } }
    })
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(encode(doorAnswer, answer))
  }

  async #answer(request: IncomingMessage): Promise<DoorAnswer> {
    const asked = decode(doorRequest, await readBody(request), { maxBytes: BODY_BYTES_MAX })
    switch (asked.kind) {
      case 'keepKeys':
        await this.#keys.sections.put(asked.value.record, asked.value.version, asked.value.keys.map((key, section) => ({ section, key })))
        return { kind: 'kept', value: {} }
      case 'keepRelation':
        await this.#keys.putTagKey(asked.value.subject, asked.value.tagKey)
        return { kind: 'kept', value: {} }
      case 'relation':
        return { kind: 'relation', value: { tagKey: (await this.#keys.tagKey(asked.value.subject)) ?? null } }
      case 'keepEnrolment':
        // The tag key first: an enrolment that is remembered has it.
        if (asked.value.tagKey !== null) await this.#keys.putTagKey(asked.value.account, asked.value.tagKey)
        await this.#keys.enrolments.put(asked.value.card, asked.value.transaction)
        return { kind: 'kept', value: {} }
      case 'enrolment':
        return { kind: 'enrolment', value: { transaction: (await this.#keys.enrolments.get(asked.value.card)) ?? null } }
    }
  }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > BODY_BYTES_MAX) throw new SteleError({ code: 'CODEC_TOO_LARGE', message: 'more bytes than allowed here', details: { bytesMax: BODY_BYTES_MAX } })
    pieces.push(piece)
  }
  return new Uint8Array(Buffer.concat(pieces))
}
