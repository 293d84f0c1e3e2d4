import type { Logger } from '../primitives/ports.ts'
import type { Ledger } from '../state/ledger.ts'
import type { WorldState } from '../state/world-state.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import type { ChainStore } from './chain-store.ts'
import type { ChainRules } from './chain-rules.ts'
import { verifySnapshot } from './snapshot-verify.ts'

export interface PrunerPorts {
  readonly folder: SnapshotFolder
  readonly ledger: Ledger
  readonly world: WorldState
  readonly store: ChainStore
  readonly rules: ChainRules
  readonly logger: Logger
  readonly signal: AbortSignal
}

export interface PruneOptions {
  /** Newest blocks that stay; 0 keeps everything. */
  readonly keepBlocks: number
  /** Blocks younger than this against the newest stay as well: they hold the ids that must not come again. */
  readonly lifetimeMsMax: number
}

/**
 * Deletes blocks and receipts that nobody was promised, and gives their room back: below the newest snapshot that leaves `keepBlocks` above it, whose files were read back and proved, and which a certificate covers.
 * State, lists and decisions stay whole. Resolves with the new floor, or undefined when nothing was to be done.
 */
export async function pruneBlocks({ keepBlocks, lifetimeMsMax }: PruneOptions, { folder, ledger, world, store, rules, logger, signal }: PrunerPorts): Promise<number | undefined> {
  if (keepBlocks === 0) return undefined
  const newest = store.block(store.height)
  if (newest === undefined) return undefined
  const final = store.finalHeight
  for (const height of (await folder.heights()).toReversed()) {
    if (height <= store.floor) return undefined
    const tooYoung = height > final || height > store.height - keepBlocks || store.block(height)!.header.timeMs + BigInt(lifetimeMsMax) >= newest.header.timeMs
    if (tooYoung || await folder.proof(height) === undefined) continue
    await verifySnapshot(folder, height, { chain: rules.chain, trusted: rules.periods[0]! }, { signal })
    const index = ledger.indexOfHeight(height)
    if (index === undefined) return undefined
    const receiptRows = await world.pruneReceipts(height, signal)
    const segments = await ledger.prune(index)
    logger.info({ below: height, receiptRows, segments, firstIndex: ledger.firstIndex() }, 'blocks pruned')
    return height
  }
  return undefined
}
