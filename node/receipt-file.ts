import { existsSync, readFileSync } from 'node:fs'
import { maybeFromHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'

/** A receipt bundle is at most a receipt, two headers, a certificate of 64 voters and two paths. */
const FILE_BYTES_MAX = 8 * 1024 * 1024

/**
 * Bundle bytes from a file as people have them: what `stele tx receipt` or `tx_receipt` printed (JSON with `bundle`, bare or as a JSON-RPC result), the hex alone, or the bytes
 * themselves. Throws `RECEIPT_UNREADABLE` or `RECEIPT_NOT_FINAL`; whether the bytes prove anything is for `verifyReceipt`.
 */
export function readReceiptFile(path: string): Uint8Array {
  if (path !== '-' && !existsSync(path)) throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'there is no such receipt file', details: { path } })
  const bytes = new Uint8Array(readFileSync(path === '-' ? 0 : path))
  if (bytes.length === 0 || bytes.length > FILE_BYTES_MAX) throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'the file is empty or too large for a receipt', details: { path, bytes: bytes.length } })
  const text = new TextDecoder().decode(bytes).trim()
  if (text.startsWith('{')) return fromJsonText(text, path)
  // The bytes of a bundle begin with a map header, which is no hex digit.
  return maybeFromHex(text) ?? bytes
}

function fromJsonText(text: string, path: string): Uint8Array {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'the receipt file begins like JSON and is not', details: { path }, cause })
  }
  const outer = value as { readonly bundle?: unknown; readonly result?: { readonly bundle?: unknown } | null }
  const bundle = outer.bundle === undefined ? outer.result?.bundle : outer.bundle
  if (bundle === null) throw new SteleError({ code: 'RECEIPT_NOT_FINAL', message: 'the receipt was taken before its block was final and proves nothing; fetch it again', details: { path } })
  const bytes = typeof bundle === 'string' ? maybeFromHex(bundle.toLowerCase()) : undefined
  if (bytes === undefined || bytes.length === 0) throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'the file has no receipt in hex under `bundle`', details: { path } })
  return bytes
}
