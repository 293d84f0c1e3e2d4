import { decode } from '../primitives/codec.ts'
import { leafHash, MerkleAccumulator } from '../primitives/merkle.ts'
import { receiptSchema } from '../primitives/receipt.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import { chainIdOf } from '../primitives/genesis.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { genesisState, readerOf } from '../contracts/index.ts'
import type { Registry, WindowBlock, WindowContent } from '../contracts/index.ts'
import { ReplayWindow } from '../contracts/index.ts'
import { worldError } from '../state/world-errors.ts'
import type { WorldState } from '../state/world-state.ts'
import { historyPeaks, historyRows } from './block-index.ts'
import { recoveryIn } from './block-check.ts'
import { nextRules } from './chain-rules.ts'
import type { ChainStore } from './chain-store.ts'
import type { Tip } from './executed-block.ts'

/** Writes the state of height 0 into an empty database, durably, with the chain id as the block before block 1. */
export async function writeGenesisState(world: WorldState, genesis: Genesis, chain: Uint8Array): Promise<void> {
  const layer = world.newLayer()
  genesisState(layer.store(), genesis)
  layer.seal()
  const history = new MerkleAccumulator()
  await world.flush([layer], { height: 0, appliedIndex: 0, blockHash: chain }, historyRows(history.appendHash(leafHash(chain))))
}

/** What the next block stands on after a start: the durable height, its hash and time, and the history up to it. */
export function recoverTip(world: WorldState, store: ChainStore, genesis: Genesis): Tip {
  const { height, blockHash } = world.position
  const size = height + 1
  const history = MerkleAccumulator.restore(size, historyPeaks(world.rows(), size))
  const timeMs = height === 0 ? genesis.timeMs : store.block(height)!.header.timeMs
  return { height, hash: blockHash, timeMs, history, layer: undefined, window: undefined, rules: nextRules(chainIdOf(genesis), readerOf(world.view())) }
}

/** The ids and claims still in force at the durable height, from the blocks of the last lifetime; where these begin with a snapshot, from its window. */
export async function recoverWindow(store: ChainStore, chain: Uint8Array, registry: Registry, tip: Tip, lifetimeMsMax: number, windowAt: (height: number) => Promise<WindowContent>): Promise<ReplayWindow> {
  const window = new ReplayWindow()
  const blocks: WindowBlock[] = []
  for (let height = tip.height; height > 0; height--) {
    if (height === store.floor && height > 1) {
      // The ledger began here with a snapshot, which brought the window along.
      window.restore(await windowAt(height))
      break
    }
    const block = store.block(height)!
    if (block.header.timeMs + BigInt(lifetimeMsMax) < tip.timeMs) break
    const receipts = (await store.receipts(height)).map((bytes) => decode(receiptSchema, bytes))
    if (recoveryIn(block.envelope, block.header) !== undefined) continue
    if (receipts.length !== block.envelope.transactions.length) throw worldError('STATE_DAMAGED', { row: `receipts of height ${height}` })
    blocks.push({ height: BigInt(height), timeMs: block.header.timeMs, transactions: block.envelope.transactions.map((bytes) => decodeTransaction(bytes, chain)), receipts })
  }
  window.rebuild(registry.under(tip.rules.activations), blocks.reverse())
  return window
}
