import type { Mempool } from '../consensus/mempool.ts'
import { authorise, readerOf } from '../contracts/index.ts'
import type { Registry, ReplayWindow } from '../contracts/index.ts'
import { SteleError } from '../primitives/error.ts'
import type { Clock } from '../primitives/ports.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { AUTHORISATION_CODES } from '../contracts/index.ts'
import type { Cancellations } from './cancellations.ts'
import type { ChainStore } from './chain-store.ts'
import type { Executor } from './executor.ts'
import type { TransactionReader } from './transaction-reader.ts'
import type { WorldState } from '../state/world-state.ts'

export interface AdmissionOptions { readonly chain: Uint8Array; readonly lifetimeMsMax: number }

export interface AdmissionPorts {
  readonly executor: Executor
  readonly world: WorldState
  readonly window: ReplayWindow
  readonly registry: Registry
  readonly mempool: Mempool
  readonly cancellations: Pick<Cancellations, 'has'>
  readonly store: ChainStore
  readonly clock: Clock
  readonly reader: TransactionReader
  readonly verifyBatch: (items: readonly SignatureItem[]) => Promise<boolean[]>
}

/** What became of a transaction at the door. `known`: it is here or in the chain already. */
export type Admitted = { readonly transaction: Transaction; readonly known: boolean }

/** The door: decodes strictly, verifies once, asks whether the transaction could stand in the next block, and puts it into the mempool. */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #ports: AdmissionPorts

  constructor(options: AdmissionOptions, ports: AdmissionPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** Throws CODEC_*, TX_*, `TX_SIGNATURE_INVALID`, a code of authorisation or `CONSENSUS_BUSY`. Nothing is kept of what is refused. */
  async admit(bytes: Uint8Array): Promise<Admitted> {
    const transaction = this.#ports.reader.read(bytes)
    if (this.#isKnown(transaction)) return { transaction, known: true }
    const proofs = this.#ports.executor.proofs(transaction)
    // Signatures inside the arguments are judged by the contract; verifying them here, in batches, leaves only a look-up to it.
    const signed = this.#ports.reader.verifyOne(transaction)
    const valid = proofs.length === 0 ? await signed : (await Promise.all([signed, this.#ports.verifyBatch(proofs)]))[0]
    if (!valid) throw new SteleError({ code: 'TX_SIGNATURE_INVALID', message: 'the signature does not verify', details: { path: 'signatures[0]' } })
    const member = this.#authorise(transaction)
    if (member !== 'included' && this.#ports.cancellations.has(transaction)) throw new SteleError({ code: 'TX_CANCELLED', message: 'its account has cancelled this transaction', details: { path: 'body' } })
    // Meanwhile it may have come by another way, into the mempool or already into a block.
    const known = member === 'included' || !this.#ports.mempool.add(transaction, member)
    return { transaction, known }
  }

  #isKnown({ id, key, body }: Transaction): boolean {
    const { mempool, store, executor, window, clock } = this.#ports
    if (mempool.has(key)) return true
    // Ids that can still be included are all in the replay window; only for older ones the index is asked.
    return (executor.tip.window ?? window).hasId(id, body.validUntil) || (Number(body.validUntil) < clock.nowMs() && store.locate(id) !== undefined)
  }

  /** The member whose relation the account belongs to: its share of the room is used. `included` when a block has the transaction. */
  #authorise(transaction: Transaction): number | 'included' {
    const { executor, world, window, registry, clock } = this.#ports
    const tip = executor.tip
    const now = BigInt(clock.nowMs())
    const block = { height: BigInt(tip.height + 1), timeMs: now > tip.timeMs ? now : tip.timeMs, chainId: this.#options.chain, lifetimeMsMax: this.#options.lifetimeMsMax }
    const verdict = authorise({ reader: readerOf(tip.layer ?? world.view()), window: tip.window ?? window, registry }, block, transaction)
    if ('notIncludable' in verdict) {
      if (verdict.notIncludable === 'TX_REPLAYED') return 'included'
      throw new SteleError({ code: verdict.notIncludable, message: AUTHORISATION_CODES[verdict.notIncludable], details: { path: 'body', atHeight: tip.height } })
    }
    return verdict.account.member
  }
}
