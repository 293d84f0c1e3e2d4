import { fromHex, toHex } from '../../primitives/bytes.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import type { RpcConsent } from '../../primitives/rpc-types.ts'
import { verify } from '../../primitives/signature.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import { builtInRegistry, executeBlock, genesisState, listConsents, readerOf, ReplayWindow } from '../../contracts/index.ts'
import { MemoryState } from '../helpers/memory-state.ts'
import { FakeNode, refused } from './fake-node.ts'

/** The fake node with the real contracts inside: every decision, refusal and event is theirs. One block per transaction, at the machine's time. */
export class ContractNode extends FakeNode {
  readonly #state = new MemoryState()
  readonly #window = new ReplayWindow()
  readonly #registry = builtInRegistry()
  #parentTimeMs: bigint

  constructor() {
    super()
    this.#parentTimeMs = this.genesis.timeMs
    genesisState(this.#state, this.genesis)
  }

  protected override execute(transaction: Transaction, timeMs: number): Receipt {
    const layer = this.#window.layer()
    const outcome = executeBlock(
      { state: this.#state, window: layer, registry: this.#registry, verified: ({ publicKey, message, signature }) => verify(publicKey, message, signature) },
      { height: BigInt(this.height), timeMs: BigInt(timeMs), parentTimeMs: this.#parentTimeMs, chainId: this.chain }, [transaction],
    )
    if ('refused' in outcome) throw refused(outcome.refused.code)
    layer.flush(BigInt(timeMs))
    this.#parentTimeMs = BigInt(timeMs)
    return outcome.receipts[0]!
  }

  protected override consents(patient: string): readonly Partial<RpcConsent>[] {
    return listConsents(readerOf(this.#state), fromHex(patient), 0, 1000).map(({ id, version, state }, i) => ({ id: toHex(id), version, status: state === 'live' ? 'active' : 'revoked', seq: String(i + 1) }))
  }
}
