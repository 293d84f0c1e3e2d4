import { decode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { builtInRegistry, readerOf } from '../contracts/index.ts'
import type { SnapshotFolder } from '../state/snapshot-folder.ts'
import { writeSnapshot } from '../state/snapshot-write.ts'
import { historyPeaks } from './block-index.ts'
import type { ChainRules } from './chain-rules.ts'
import { openOffline } from './offline-stores.ts'
import { recoverTip, recoverWindow } from './recover.ts'
import { PROOF_BYTES_MAX, buildProof, encodeProof, snapshotProof } from './snapshot-proof.ts'
import { snapshotWindow } from './snapshot-restore.ts'
import { packWindow } from './snapshot-window.ts'

export interface OfflinePlace { readonly dataDir: string; readonly genesis: Genesis; readonly rules: ChainRules; readonly folder: SnapshotFolder }

/** Makes a snapshot of the block that a stopped node's state stands at. `LEDGER_LOCKED` while it runs, `SNAPSHOT_NOT_CERTIFIED` when no certificate covers that block. Resolves with the height. */
export async function createOffline({ dataDir, genesis, rules, folder }: OfflinePlace): Promise<number> {
  const { chain } = rules
  const stores = await openOffline(dataDir, chain)
  const { ledger, world, store } = stores
  const held = world.hold()
  try {
    rules.load(readerOf(world.view()))
    const { height } = store
    const block = store.block(height)
    const [newest] = (await folder.heights()).toReversed()
    const known = newest === undefined ? undefined : await folder.proof(newest)
    const proof = block === undefined ? undefined : buildProof(height, store, rules, known === undefined ? [] : decode(snapshotProof, known, { maxBytes: PROOF_BYTES_MAX }).links)
    if (block === undefined || proof === undefined) throw new SteleError({ code: 'SNAPSHOT_NOT_CERTIFIED', message: 'no certificate covers the block that the state stands at; start the node, let it catch up, and stop it again', details: { height } })
    const index = ledger.indexOfHeight(height)!
    const window = await recoverWindow(store, chain, builtInRegistry(), recoverTip(world, store, genesis), rules.limits.lifetimeMsMax, (at) => snapshotWindow(folder, at))
    await writeSnapshot(folder, {
      view: held.rows, databaseBytes: await world.sizeBytes(), stateRoot: block.header.stateRoot, window: packWindow(window.content(block.header.timeMs)), block: { data: ledger.entry(index)!.data, receipts: await store.receipts(height) },
      head: {
        v: 1, chain, height: BigInt(height), index: BigInt(index), header: block.envelope.header, previous: { term: ledger.term(index - 1) ?? 0, noop: ledger.isNoop(index - 1) }, change: ledger.entry(index)!.kind === 'change',
        peaks: historyPeaks(held.rows, height),
      },
    }, { pace: () => Promise.resolve() })
    await folder.writeProof(height, encodeProof(proof))
    return height
  } finally {
    await held.release()
    await stores.close()
  }
}
