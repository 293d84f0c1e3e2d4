import { decodeEvents } from '../../client/transaction.ts'
import { toHex } from '../../primitives/bytes.ts'
import { callSchema } from '../../primitives/calls/index.ts'
import { decode } from '../../primitives/codec.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import type { Transaction } from '../../primitives/transaction.ts'

/** Shorter byte strings coincide by chance. */
const WINDOW_BYTES = 8

/** All that a member sees of one transaction: every byte string in its body, its arguments, its signatures and its events, at any depth. */
export function bytesOf(transaction: Transaction, receipt: Receipt): Uint8Array[] {
  const { id, body, signatures } = transaction
  const args = decode(callSchema(body.contract, body.call)!, body.args)
  const found: Uint8Array[] = []
  const walk = (value: unknown): void => {
    if (value instanceof Uint8Array) found.push(value)
    else if (typeof value === 'string') found.push(new TextEncoder().encode(value))
    else if (Array.isArray(value)) value.forEach(walk)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk)
  }
  walk([id, body.account, body.signers, body.contract, body.call, body.salt, args, signatures, decodeEvents(receipt).map(({ data }) => data)])
  return found
}

/** Every run of eight bytes in these byte strings, as hex. */
export function windowsOf(strings: Iterable<Uint8Array>): Set<string> {
  const windows = new Set<string>()
  for (const string of strings) {
    const hex = toHex(string)
    for (let at = 0; at + 2 * WINDOW_BYTES <= hex.length; at += 2) windows.add(hex.slice(at, at + 2 * WINDOW_BYTES))
  }
  return windows
}
