import { maybeFromHex } from '../primitives/bytes.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { inspectTransaction, TRANSACTION_LIMITS } from '../primitives/transaction.ts'
import { readInput } from './input-file.ts'

/** Signed transaction bytes from a file or standard input (`-`): the bytes themselves, their hex, or JSON with `transaction` in hex. `TX_FILE_INVALID`, also for what is no transaction. Whether it may stand on the chain is for the node to judge. */
export async function readTransactionFile(path: string): Promise<Uint8Array> {
  const refuse = (rule: string, cause?: unknown): SteleError => new SteleError({ code: 'TX_FILE_INVALID', message: 'there is no signed transaction in this file', details: { path, rule }, cause })
  const input = await readInput(path, 4 * TRANSACTION_LIMITS.transactionBytesMax)
  if ('rule' in input) throw refuse(input.rule, input.cause)
  const { bytes } = input
  const text = new TextDecoder().decode(bytes).trim()
  if (!text.startsWith('{')) return checked(maybeFromHex(text) ?? bytes, refuse)
  const found = maybeFromHex(hexIn(text, refuse))
  if (found === undefined || found.length === 0) throw refuse('`transaction` must be lower-case hex')
  return checked(found, refuse)
}

/** A file of something else would travel to the node and come back as a riddle of its codec. */
function checked(bytes: Uint8Array, refuse: (rule: string, cause?: unknown) => SteleError): Uint8Array {
  try {
    inspectTransaction(bytes)
    return bytes
  } catch (cause) {
    throw refuse(`must be a signed transaction (${errorCode(cause) ?? 'unreadable'})`, cause)
  }
}

function hexIn(text: string, refuse: (rule: string, cause?: unknown) => SteleError): string {
  try {
    const { transaction } = JSON.parse(text) as { readonly transaction?: unknown }
    if (typeof transaction === 'string') return transaction
  } catch (cause) {
    throw refuse('begins like JSON and is not', cause)
  }
  throw refuse('must have `transaction` in hex')
}
