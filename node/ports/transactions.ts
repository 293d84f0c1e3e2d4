import { fromHex, toHex } from '../../primitives/bytes.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { receiptBundle, receiptSchema } from '../../primitives/receipt.ts'
import type { TransactionGate } from '../../rpc/ports.ts'
import type { TxReceipt, TxStatus } from '../../rpc/shapes/transaction.ts'
import type { SteleNode } from '../stele-node.ts'
import type { Head } from './head.ts'

/** Takes transactions at the door and tells what became of them. */
export class NodeTransactions implements TransactionGate {
  readonly #node: SteleNode
  readonly #head: Head

  constructor(node: SteleNode, head: Head) {
    this.#node = node
    this.#head = head
  }

  async send(bytes: Uint8Array): Promise<TxStatus> {
    const { admission, relay, driver } = this.#node.parts
    const { transaction, known } = await admission.admit(bytes).catch(namePlace)
    if (!known) {
      relay.relay(transaction)
      driver.kick()
    }
    return this.#status(transaction.key)
  }

  status(id: string): Promise<TxStatus> {
    return Promise.resolve(this.#status(id))
  }

  wait(id: string, until: 'committed' | 'final', timeoutMs: number, signal: AbortSignal): Promise<TxStatus> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        unwatch()
        signal.removeEventListener('abort', finish)
        resolve(this.#status(id))
      }
      const check = (): void => {
        const { status, final } = this.#status(id)
        if (status === 'expired' || (until === 'final' ? final : status === 'committed' || status === 'final' || status === 'failed')) finish()
      }
      const timer = setTimeout(finish, timeoutMs)
      const unwatch = this.#node.parts.book.watch(id, check)
      signal.addEventListener('abort', finish)
      check()
    })
  }

  async receipt(id: string): Promise<TxReceipt> {
    const { store, applier } = this.#node.parts
    const bytes = fromHex(id)
    const { status, height } = this.#status(id)
    // Under load there is always a later flush: only the one that holds this block is waited for.
    if (height !== null && (status === 'committed' || status === 'final' || status === 'failed')) await applier.reached(height)
    const location = store.locate(bytes)
    const receiptBytes = location === undefined ? undefined : store.receipt(location)
    if (location === undefined || receiptBytes === undefined) throw new SteleError({ code: 'RPC_NOT_FOUND', message: 'no committed block holds this transaction' })
    const receipt = decode(receiptSchema, receiptBytes)
    const bundle = await store.receiptBundle(location)
    const ok = receipt.code === 'OK'
    return {
      id, status: ok ? (bundle === undefined ? 'committed' : 'final') : 'failed', height: location.height, position: location.position, code: receipt.code, cost: receipt.cost,
      events: receipt.events.map(({ contract, name, data }) => ({ contract, name, data: toHex(data) })),
      bundle: bundle === undefined ? null : toHex(encode(receiptBundle, bundle)), asOf: this.#head.asOf,
    }
  }

  #status(id: string): TxStatus {
    const { book, finality, mempool } = this.#node.parts
    const seen = book.get(id)
    const nothing = { id, height: null, position: null, code: null, final: false, asOf: this.#head.asOf }
    // Asked first: whoever has just sent a transaction asks for what no index holds yet, and a lookup in vain costs as much as decoding it.
    if (seen === undefined && mempool.has(id)) return { ...nothing, status: 'pending' }
    if (seen === undefined) return this.#indexed(id) ?? { ...nothing, status: 'unknown' }
    if (seen.status === 'expired') return { ...nothing, status: seen.status }
    const { height, position, code } = seen
    const final = seen.status !== 'included' && height <= finality.finalHeight
    return { ...nothing, status: seen.status === 'committed' && final ? 'final' : seen.status, height, position, code, final }
  }

  #indexed(id: string): TxStatus | undefined {
    const { store, finality } = this.#node.parts
    const location = store.locate(fromHex(id))
    const bytes = location === undefined ? undefined : store.receipt(location)
    if (location === undefined || bytes === undefined) return undefined
    const { code } = decode(receiptSchema, bytes)
    const final = location.height <= finality.finalHeight
    return { id, status: code !== 'OK' ? 'failed' : final ? 'final' : 'committed', ...location, code, final, asOf: this.#head.asOf }
  }
}

/** Bytes that are no transaction at all have no inner place to name; then it is the parameter itself. */
function namePlace(error: unknown): never {
  if (!(error instanceof SteleError) || !error.code.startsWith('CODEC_') || error.details['path'] !== undefined) throw error
  throw new SteleError({ code: error.code, message: error.message, details: { path: 'transaction', rule: error.message, ...error.details }, cause: error })
}
