import { isDeepStrictEqual } from 'node:util'
import { maybeFromHex, toHex } from '../primitives/bytes.ts'
import { decode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { receiptBundle, receiptSchema } from '../primitives/receipt.ts'
import { readInput } from './input-file.ts'

/** A receipt bundle is at most a receipt, two headers, a certificate of 64 voters and two paths. */
const FILE_BYTES_MAX = 8 * 1024 * 1024

/** What a file holds: the bytes that prove, and what stands beside them for people to read (nothing, unless the file is JSON). */
export interface ReceiptFile { readonly bundle: Uint8Array; readonly said: Readonly<Record<string, unknown>> }

/**
 * Reads a receipt as people have it: what `stele tx receipt` or `tx_receipt` printed (JSON with `bundle`, bare or as a JSON-RPC result), the hex alone, or the bytes
 * themselves. Throws `RECEIPT_UNREADABLE` or `RECEIPT_NOT_FINAL`; whether the bytes prove anything is for `verifyReceipt`.
 */
export async function readReceiptFile(path: string): Promise<ReceiptFile> {
  const input = await readInput(path, FILE_BYTES_MAX)
  if ('rule' in input) throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'the receipt file cannot be read', details: { path, rule: input.rule }, cause: input.cause })
  const { bytes } = input
  const text = new TextDecoder().decode(bytes).trim()
  if (text.startsWith('{')) return fromJsonText(text, path)
  // The bytes of a bundle begin with a map header, which is no hex digit.
  return { bundle: maybeFromHex(text) ?? bytes, said: {} }
}

/**
 * Holds what stands beside a bundle against what the bundle proves: somebody who reads the file must not be told another result than the verifier finds. `status` and `asOf` are
 * a node's word of its moment and no part of the proof. Throws `RECEIPT_CONTRADICTED`, or CODEC_* for a bundle that is none.
 */
export function checkSaid({ bundle, said }: ReceiptFile): void {
  const { height, receipt } = decode(receiptBundle, bundle)
  const { tx, position, code, cost, events } = decode(receiptSchema, receipt)
  const proven: Readonly<Record<string, unknown>> = { id: toHex(tx), height: Number(height), position, code, cost, events: events.map(({ data, ...event }) => ({ ...event, data: toHex(data) })) }
  for (const [member, value] of Object.entries(proven)) {
    if (said[member] !== undefined && !isDeepStrictEqual(said[member], value)) throw new SteleError({ code: 'RECEIPT_CONTRADICTED', message: 'the file says something else than its bundle proves', details: { member } })
  }
}

function fromJsonText(text: string, path: string): ReceiptFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'the receipt file begins like JSON and is not', details: { path }, cause })
  }
  const outer = value as { readonly bundle?: unknown; readonly result?: { readonly bundle?: unknown } | null }
  const said = outer.bundle === undefined ? outer.result ?? {} : outer
  const { bundle } = said
  if (bundle === null) throw new SteleError({ code: 'RECEIPT_NOT_FINAL', message: 'the receipt was taken before its block was final and proves nothing; fetch it again', details: { path } })
  const bytes = typeof bundle === 'string' ? maybeFromHex(bundle) : undefined
  if (bytes === undefined || bytes.length === 0) throw new SteleError({ code: 'RECEIPT_UNREADABLE', message: 'the file has no receipt in hex under `bundle`', details: { path } })
  return { bundle: bytes, said: { ...said } }
}
