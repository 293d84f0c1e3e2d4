import { maybeFromHex } from '../primitives/bytes.ts'
import { clientError } from './errors.ts'

/** Bytes of a hex member of a node's answer. Throws `CLIENT_RESPONSE_INVALID` naming the member. */
export function bytesOf(field: string, hex: unknown, length?: number): Uint8Array {
  const bytes = typeof hex === 'string' ? maybeFromHex(hex) : undefined
  if (bytes === undefined || (length !== undefined && bytes.length !== length)) {
    throw clientError('CLIENT_RESPONSE_INVALID', { details: { field, rule: length === undefined ? 'must be lower-case hex' : `must be ${length} bytes in lower-case hex` } })
  }
  return bytes
}
