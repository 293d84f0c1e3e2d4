import { utf8Bytes } from '../primitives/bytes.ts'
import { PeerFault } from './errors.ts'

/**
 * What a frame of the sync protocol is, its first byte. A stream carries exchanges one after the other: a request, then items, closed by
 * `last` (an item that is the last), `end` or `error`.
 */
const KINDS = { request: 1, item: 2, last: 3, end: 4, error: 5 } as const
export type SyncKind = keyof typeof KINDS

const METHOD_PATTERN = /^[a-z][a-z0-9.-]{0,47}$/
const CODE_PATTERN = /^[A-Z][A-Z0-9_]{0,63}$/
const ascii = new TextDecoder('latin1')

export type AnswerFrame =
  | { readonly kind: 'item' | 'last'; readonly data: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly code: string; readonly retryable: boolean }

export function kindByte(kind: SyncKind): Uint8Array {
  return Uint8Array.of(KINDS[kind])
}

/** `1 ‖ u8 length of method ‖ method`, in front of the body. The method is lower-case words with dots and dashes. */
export function requestHead(method: string): Uint8Array {
  if (!METHOD_PATTERN.test(method)) throw new TypeError(`not a method name: ${method}`)
  return Uint8Array.of(KINDS.request, method.length, ...utf8Bytes(method))
}

/** `5 ‖ u8 retryable ‖ code`. A code that is not one is sent as P2P_REMOTE_FAILED. */
export function errorFrame(code: string, retryable: boolean): Uint8Array {
  return Uint8Array.of(KINDS.error, retryable ? 1 : 0, ...utf8Bytes(CODE_PATTERN.test(code) ? code : 'P2P_REMOTE_FAILED'))
}

/** Throws a `PeerFault` for anything that is not a request. The body is a view of the payload. */
export function readRequest(payload: Uint8Array): { method: string; body: Uint8Array } {
  const length = payload[1] ?? 0
  const method = ascii.decode(payload.subarray(2, 2 + length))
  if (payload[0] !== KINDS.request || payload.length < 2 + length || !METHOD_PATTERN.test(method)) throw garbled('request')
  return { method, body: payload.subarray(2 + length) }
}

/** Throws a `PeerFault` for anything that is not part of an answer. Data is a view of the payload. */
export function readAnswer(payload: Uint8Array): AnswerFrame {
  switch (payload[0]) {
    case KINDS.item: return { kind: 'item', data: payload.subarray(1) }
    case KINDS.last: return { kind: 'last', data: payload.subarray(1) }
    case KINDS.end: {
      if (payload.length === 1) return { kind: 'end' }
      break
    }
    case KINDS.error: {
      const code = ascii.decode(payload.subarray(2))
      if (CODE_PATTERN.test(code)) return { kind: 'error', code, retryable: payload[1] === 1 }
      break
    }
  }
  throw garbled('answer')
}

function garbled(what: string): PeerFault {
  return new PeerFault('P2P_FRAME_GARBLED', 'disconnect', 'a frame of the sync protocol cannot be read', { what })
}
