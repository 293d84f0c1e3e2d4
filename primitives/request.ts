import { decode, encode, fixedBytes, struct, text, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { fromHex, toHex, utf8Bytes } from './bytes.ts'
import { domainBytes, sha256 } from './hash.ts'
import { SteleError } from './error.ts'
import { ed25519KeyId } from './signature.ts'
import type { Signer } from './signature.ts'

/** How far a signed request's time may lie from the node's clock, in ms. */
export const REQUEST_TOLERANCE_MS = 60_000

/** The `auth` parameter of a private read: who asks, with which key, once, now. Travels as hex of these bytes. */
export const requestAuth = struct({ account: fixedBytes(32), signer: fixedBytes(33), nonce: fixedBytes(16), timeMs: u64, signature: fixedBytes(64) })
export type RequestAuth = Infer<typeof requestAuth>

const signedContent = struct({ method: text({ max: 256 }), params: fixedBytes(32), account: fixedBytes(32), signer: fixedBytes(33), nonce: fixedBytes(16), timeMs: u64 })

/** How deep signed parameters may nest: no method comes near it, and unbounded recursion would let a request end the process. */
const JSON_DEPTH_MAX = 32

/** Canonical JSON in the manner of RFC 8785 for the values RPC uses: strings, safe integers, booleans, null, arrays, objects. Floats, and nesting deeper than 32, are refused. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > JSON_DEPTH_MAX) throw new SteleError({ code: 'REQUEST_PARAMS_INVALID', message: 'signed parameters nest at most 32 deep' })
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new SteleError({ code: 'REQUEST_PARAMS_INVALID', message: 'signed parameters hold safe integers only' })
    return String(value)
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`
  if (typeof value !== 'object') throw new SteleError({ code: 'REQUEST_PARAMS_INVALID', message: 'signed parameters hold JSON values only', details: { type: typeof value } })
  const members = Object.entries(value).filter(([, member]) => member !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member, depth + 1)}`).join(',')}}`
}

/** Bytes under the signature of a request; `params` without its `auth` member. */
export function requestSigningBytes(chain: Uint8Array, method: string, params: unknown, auth: Pick<RequestAuth, 'account' | 'signer' | 'nonce' | 'timeMs'>): Uint8Array {
  const content = { method, params: sha256(utf8Bytes(canonicalJson(params))), account: auth.account, signer: auth.signer, nonce: auth.nonce, timeMs: auth.timeMs }
  return domainBytes('rpc-request', chain, encode(signedContent, content))
}

/** Signs a request; returns the hex for its `auth` parameter. `nonce`: 16 fresh random bytes; `nowMs`: the caller's clock. */
export function signRequest(chain: Uint8Array, method: string, params: object, account: Uint8Array, signer: Signer, nonce: Uint8Array, nowMs: number): string {
  const timeMs = BigInt(nowMs)
  const content = { account, signer: ed25519KeyId(signer.publicKey), nonce, timeMs }
  return toHex(encode(requestAuth, { ...content, signature: signer.sign(requestSigningBytes(chain, method, params, content)) }))
}

/** Reads an `auth` parameter. Throws `REQUEST_AUTH_INVALID`; the signature is still to be checked by the caller. */
export function decodeRequestAuth(auth: string): RequestAuth {
  try {
    return decode(requestAuth, fromHex(auth), { maxBytes: 512 })
  } catch (cause) {
    throw new SteleError({ code: 'REQUEST_AUTH_INVALID', message: 'the auth parameter is not a signed request', cause })
  }
}
