import { maybeFromHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { readInput } from './input-file.ts'

/** A receipt bundle is at most a receipt, two headers, a certificate of 64 voters and two paths. */
const FILE_BYTES_MAX = 8 * 1024 * 1024

/**
 * Bundle bytes from a file as people have them: what `stele tx receipt` or `tx_receipt` printed (JSON with `bundle`, bare or as a JSON-RPC result), the hex alone, or the bytes
 * themselves. Throws `RECEIPT_UNREADABLE` or `RECEIPT_NOT_FINAL`; whether the bytes prove anything is for `verifyReceipt`.
 */
export async function readReceiptFile(path: string): Promise<Uint8Array> {
  const input = await readInput(path, FILE_BYTES_MAX)
  if ('rule' in input) throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'the receipt file cannot be read', details: { path, rule: input.rule }, cause: input.cause })
  const { bytes } = input
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
