import { bytesToText } from '../primitives/bytes.ts'
import { DecodedTransaction, signatureItems } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import { Slab } from '../primitives/slab.ts'
import { RecentCache } from '../state/recent-cache.ts'

/** Transactions remembered: twice as many as wait and stand in blocks on their way. */
const REMEMBERED_MAX = 10_000
/** The end of a transaction's bytes is the end of its signature: as good as random, and a tenth of the price of a hash. */
const TAIL_BYTES = 24

/** A transaction that this reader gave out. Whether it is verified stands in it: a WeakSet of ten thousands costs every garbage collection. */
class ReadTransaction extends DecodedTransaction {
  verified = false
  /** Its name among those remembered. */
  readonly tail: string | undefined

  constructor(bytes: Uint8Array, chain: Uint8Array, tail: string | undefined) {
    super(bytes, chain)
    this.tail = tail
  }
}

/**
 * Decodes each transaction once and has its signatures verified once, though its bytes arrive up to three times: at the door, by gossip, in a block.
 * Found by the end of its bytes, it is the same transaction only if all bytes agree: signatures included, so other signatures make another one.
 */
export class TransactionReader {
  readonly #chain: Uint8Array
  readonly #verifyBatch: (items: readonly SignatureItem[]) => Promise<boolean[]>
  readonly #known = new RecentCache<ReadTransaction>(REMEMBERED_MAX, () => 1)
  /** Transactions come and go in order, so that those of one slab are forgotten together. */
  readonly #slab = new Slab()

  constructor(chain: Uint8Array, verifyBatch: (items: readonly SignatureItem[]) => Promise<boolean[]>) {
    this.#chain = chain
    this.#verifyBatch = verifyBatch
  }

  /** As `decodeTransaction`; what is remembered keeps a copy, and nothing of what `bytes` are part of. */
  read(bytes: Uint8Array): Transaction {
    const tail = bytesToText(bytes.subarray(-TAIL_BYTES))
    const known = this.#known.get(tail)
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known
    // Whoever copies another's tail only makes his own transaction a stranger here.
    const transaction = new ReadTransaction(this.#slab.join(bytes), this.#chain, known === undefined ? tail : undefined)
    if (known === undefined) this.#known.set(tail, transaction)
    return transaction
  }

  /** Lets go of transactions that have been committed: the sooner their memory is free, the less of it the collector copies. One that comes again is read again. */
  forget(transactions: readonly Transaction[]): void {
    for (const transaction of transactions) if (transaction instanceof ReadTransaction && transaction.tail !== undefined) this.#known.delete(transaction.tail)
  }

  /** The same for bytes that will not come again, such as those of old blocks: neither looked up nor remembered. */
  readOnce(bytes: Uint8Array): ReadTransaction {
    return new ReadTransaction(bytes, this.#chain, undefined)
  }

  /** True when all its signatures were found valid before. */
  isVerified(transaction: Transaction): boolean {
    return transaction instanceof ReadTransaction && transaction.verified
  }

  /** Whether all signatures of a transaction that came by itself are valid. */
  async verifyOne(transaction: Transaction): Promise<boolean> {
    if (this.isVerified(transaction)) return true
    const verdicts = await this.#verifyBatch(signatureItems(transaction))
    const valid = verdicts.every(Boolean)
    if (valid && transaction instanceof ReadTransaction) transaction.verified = true
    return valid
  }

  /** Verifies in one batch what is not verified yet; says for each whether all its signatures are valid. */
  async verify(transactions: readonly Transaction[]): Promise<boolean[]> {
    const open = transactions.filter((transaction) => !this.isVerified(transaction))
    const items = open.map(signatureItems)
    const verdicts = open.length === 0 ? [] : await this.#verifyBatch(items.flat())
    let at = 0
    const valid = open.map((transaction, i) => {
      const own = verdicts.slice(at, (at += items[i]!.length)).every(Boolean)
      if (own && transaction instanceof ReadTransaction) transaction.verified = true
      return own
    })
    let next = 0
    return transactions.map((transaction) => transaction !== open[next] || valid[next++]!)
  }
}
