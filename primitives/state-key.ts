import { concatBytes, u32Bytes } from './bytes.ts'
import { SteleError } from './error.ts'

/** Things whose place in the state a verifier can compute by itself. */
export type StateSubject =
  | { readonly kind: 'account' | 'consent' | 'record'; readonly id: Uint8Array }
  | { readonly kind: 'member'; readonly id: number }

/** Contract number ‖ table number of each kind; the tables themselves stand in contracts/, and a test compares. */
const TABLES = { member: [1, 1], account: [2, 1], consent: [3, 1], record: [4, 1] } as const

/**
 * State key of a thing: table (2 bytes) ‖ id (32 bytes, or the member number in 4). A client asks for a proof by this key, not by whatever key the
 * node answers with. Throws `STATE_KEY_INVALID` for an id of another length.
 */
export function stateKeyOf(subject: StateSubject): Uint8Array {
  const id = subject.kind === 'member' ? u32Bytes(subject.id) : subject.id
  if (subject.kind !== 'member' && id.length !== 32) {
    throw new SteleError({ code: 'STATE_KEY_INVALID', message: 'the id of an account, consent or record has 32 bytes', details: { kind: subject.kind, bytes: id.length } })
  }
  return concatBytes(Uint8Array.from(TABLES[subject.kind]), id)
}
