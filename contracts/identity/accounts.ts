import { equalBytes } from '../../primitives/bytes.ts'
import { array, boolean, fixedBytes, struct, u32, u64 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { ATTRIBUTES } from '../../primitives/calls/attributes.ts'
import type { Attribute } from '../../primitives/calls/attributes.ts'
import { accountKind, keyId } from '../../primitives/ids.ts'
import { defineTable, idPart, u32Part, wordPart } from '../runtime/table.ts'
import type { Reader, Writer } from '../runtime/table.ts'

/** Keys of one role that an account holds at most. Enough for a rotation on several devices, few enough to read at every transaction. */
export const KEYS_PER_ROLE_MAX = 8
/** How far a `seq` may jump ahead of the last one (DESIGN §5.5). */
export const SEQUENCE_STEP_MAX = 65_536n

const account = struct({
  kind: accountKind, member: u32, suspended: boolean, createdHeight: u64,
  signKeys: array(struct({ key: keyId, from: u64 }), { max: KEYS_PER_ROLE_MAX }),
  sealKeys: array(struct({ key: fixedBytes(32), from: u64 }), { max: KEYS_PER_ROLE_MAX }),
})
export type Account = Infer<typeof account>

/** account → kind, enrolling member, keys with the first height at which each acts. */
export const accounts = defineTable({ contract: 'identity', name: 'accounts', number: 1, key: [idPart], value: account })
/** (account, attribute, issuing member) → certified value and the block time at which it ends (exclusive). */
export const attributes = defineTable({ contract: 'identity', name: 'attributes', number: 2, key: [idPart, wordPart(ATTRIBUTES), u32Part], value: struct({ value: u32, until: u64 }) })
/** account → highest `seq` used by its consent and key writes, which share one line. */
export const sequences = defineTable({ contract: 'identity', name: 'sequences', number: 3, key: [idPart], value: u64 })

/** True when `key` may sign for the account in a block of this height. A key acts from the block after the one that added it. */
export function isActiveSignKey(owner: Account, key: Uint8Array, height: bigint): boolean {
  return owner.signKeys.some((each) => each.from <= height && equalBytes(each.key, key))
}

export function readAccount(reader: Reader, id: Uint8Array): Account | undefined {
  return reader.get(accounts, id)
}

/** The value certified by `issuer` and in force at block time `timeMs`; undefined when absent or expired. */
export function certifiedValue(reader: Reader, id: Uint8Array, name: Attribute, issuer: number, timeMs: bigint): number | undefined {
  const found = reader.get(attributes, id, name, issuer)
  return found !== undefined && timeMs < found.until ? found.value : undefined
}

export type SequenceFault = 'SEQ_TOO_LOW' | 'SEQ_TOO_HIGH'

/** Whether `seq` continues the account's line: above the last one, by at most `SEQUENCE_STEP_MAX`. */
export function sequenceFault(reader: Reader, id: Uint8Array, seq: bigint): SequenceFault | undefined {
  const last = reader.get(sequences, id) ?? 0n
  if (seq <= last) return 'SEQ_TOO_LOW'
  return seq > last + SEQUENCE_STEP_MAX ? 'SEQ_TOO_HIGH' : undefined
}

export function writeSequence(writer: Writer, id: Uint8Array, seq: bigint): void {
  writer.put(sequences, [id], seq)
}
