import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../client/create-client.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { fromHex, toHex } from '../../primitives/bytes.ts'
import { jointSection, JOINT_MESSAGES_MAX } from '../../primitives/calls/anonymization.ts'
import type { Schema } from '../../primitives/codec.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { genesisAccountId } from '../../primitives/genesis.ts'
import { keyIdToPublicKey } from '../../primitives/signature.ts'
import { openMessage, sealMessage } from './joint-messages.ts'
import type { JointPlace } from './joint-messages.ts'
import type { RemoteState } from './remote-state.ts'

/** Between two looks into the mailbox, ms. */
const POLL_MS = 150

/** What contributors say to each other: a line of numbered, signed messages from each, which nobody can change once it is written. */
export interface JointLine<M> {
  readonly member: number
  say(message: M): Promise<void>
  /** A contributor's message number `sequence`, when it is there; `wait` ms for it at most. Throws `JOINT_FORGED`. */
  hear(member: number, sequence: number, wait: number): Promise<M | undefined>
}

/**
 * The line over the members' mailbox. Continues where this institution's messages end, so that a number is never used twice.
 * Throws `JOINT_SPENT`, CLIENT_*, PROOF_*.
 */
export async function openLine<M>(client: Client, state: RemoteState, request: Uint8Array, member: number, form: Schema<M>): Promise<JointLine<M>> {
  const id = toHex(request)
  const keys = new Map<number, readonly Uint8Array[]>()
  const keysOf = async (other: number): Promise<readonly Uint8Array[]> => {
    const known = keys.get(other) ?? (await state.read((reader) => reader.get(accounts, genesisAccountId(client.chain.id, other))))?.signKeys.flatMap(({ key }) => keyIdToPublicKey(key) ?? []) ?? []
    keys.set(other, known)
    return known
  }
  const fetch = async (other: number, sequence: number): Promise<Uint8Array | undefined> => {
    try {
      return fromHex((await client.callSigned('vault_mailbox_get', { request: id, section: jointSection(other, sequence), kind: 'joint' })).sealed)
    } catch (error) {
      if (errorCode(error)?.endsWith('NOT_FOUND') === true) return undefined
      throw error
    }
  }
  const hear = async (other: number, sequence: number, wait: number): Promise<M | undefined> => {
    for (const until = performance.now() + wait; ; await sleep(POLL_MS)) {
      const sealed = await fetch(other, sequence)
      if (sealed !== undefined) return opened({ chain: client.chain.id, request, member: other, sequence }, sealed, await keysOf(other), form)
      if (performance.now() >= until) return undefined
    }
  }
  let next = 0
  while (await fetch(member, next) !== undefined) next++
  return {
    member, hear,
    async say(message) {
      const sequence = next++
      if (sequence >= JOINT_MESSAGES_MAX) throw new SteleError({ code: 'JOINT_SPENT', message: 'this contributor has used up its messages', details: { messagesMax: JOINT_MESSAGES_MAX } })
      await client.callSigned('vault_mailbox_put', { request: id, section: jointSection(member, sequence), kind: 'joint', sealed: toHex(sealMessage({ chain: client.chain.id, request, member, sequence }, message, client.signer().signer, form)) })
    },
  }
}

function opened<M>(place: JointPlace, sealed: Uint8Array, keys: readonly Uint8Array[], form: Schema<M>): M {
  const forged = (cause?: unknown): SteleError => new SteleError({ code: 'JOINT_FORGED', message: 'a message is not from the contributor it claims', details: { member: place.member, sequence: place.sequence }, cause })
  try {
    return openMessage(place, sealed, keys, form) ?? (() => { throw forged() })()
  } catch (cause) {
    throw errorCode(cause)?.startsWith('CODEC_') === true ? forged(cause) : cause
  }
}
