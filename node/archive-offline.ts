import { decode } from '../primitives/codec.ts'
import { readerOf } from '../contracts/index.ts'
import { exportArchive } from './archive-export.ts'
import type { ChainRules } from './chain-rules.ts'
import { snapshotsFolder } from './join-swap.ts'
import { openOffline } from './offline-stores.ts'
import { PROOF_BYTES_MAX, snapshotProof } from './snapshot-proof.ts'
import { SnapshotFolder } from '../state/snapshot-folder.ts'

export interface ExportOfflineOptions { readonly dataDir: string; readonly rules: ChainRules; readonly path: string; readonly from: number | undefined; readonly to: number | undefined; readonly onProgress: (height: number, to: number) => void }

/** Exports from the folder of a stopped node. `LEDGER_LOCKED` while it runs, ARCHIVE_*. */
export async function exportOffline({ dataDir, rules, path, from, to, onProgress }: ExportOfflineOptions): Promise<{ readonly from: number; readonly to: number; readonly bytes: number; readonly resumedAt: number }> {
  const stores = await openOffline(dataDir, rules.chain)
  try {
    const { world, store } = stores
    rules.load(readerOf(world.view()))
    const range = { from: from ?? store.floor, to: to ?? store.finalHeight }
    const snapshots = new SnapshotFolder(snapshotsFolder(dataDir), rules.chain)
    const [newest] = (await snapshots.heights()).toReversed()
    const known = newest === undefined ? undefined : await snapshots.proof(newest)
    const links = known === undefined ? [] : decode(snapshotProof, known, { maxBytes: PROOF_BYTES_MAX }).links
    return { ...range, ...await exportArchive({ ...range, path, store, rules, links, onProgress }) }
  } finally {
    await stores.close()
  }
}
