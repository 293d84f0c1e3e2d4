import { sha256Hex } from '../primitives/hash.ts'
import { decodeTransaction, signatureItems } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import { RecentCache } from '../state/recent-cache.ts'

/** Transactions remembered by their complete bytes: twice as many as wait and stand in blocks on their way. */
const REMEMBERED_MAX = 10_000

/**
 * Decodes each transaction once and has its signatures verified once, though its bytes arrive up to three times: at the door, by gossip, in a block.
 * The memory is keyed by the hash of the complete bytes, signatures included, so other signatures make another transaction.
 */
export class TransactionReader {
  readonly #chain: Uint8Array
  readonly #verifyBatch: (items: readonly SignatureItem[]) => Promise<boolean[]>
  readonly #known = new RecentCache<Transaction>(REMEMBERED_MAX, () => 1)
  readonly #verified = new WeakSet<Transaction>()

  constructor(chain: Uint8Array, verifyBatch: (items: readonly SignatureItem[]) => Promise<boolean[]>) {
    this.#chain = chain
    this.#verifyBatch = verifyBatch
  }

  /** As `decodeTransaction`. */
  read(bytes: Uint8Array): Transaction {
    const key = sha256Hex(bytes)
    let transaction = this.#known.get(key)
    if (transaction === undefined) {
      transaction = decodeTransaction(bytes, this.#chain)
      this.#known.set(key, transaction)
    }
    return transaction
  }

  /** The same for bytes that will not come again, such as those of old blocks: neither looked up nor remembered. */
  readOnce(bytes: Uint8Array): Transaction {
    return decodeTransaction(bytes, this.#chain)
  }

  /** True when all its signatures were found valid before. */
  isVerified(transaction: Transaction): boolean {
    return this.#verified.has(transaction)
  }

  /** Verifies in one batch what is not verified yet; says for each whether all its signatures are valid. */
  async verify(transactions: readonly Transaction[]): Promise<boolean[]> {
    const open = transactions.filter((transaction) => !this.#verified.has(transaction))
    const items = open.map(signatureItems)
    const verdicts = open.length === 0 ? [] : await this.#verifyBatch(items.flat())
    let at = 0
    open.forEach((transaction, i) => {
      const own = verdicts.slice(at, (at += items[i]!.length))
      if (own.every(Boolean)) this.#verified.add(transaction)
    })
    return transactions.map((transaction) => this.#verified.has(transaction))
  }
}
