import { errorCode, SteleError } from '../primitives/error.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { SnapshotFolder } from '../state/snapshot-folder.ts'
import type { ReadManifest } from '../state/snapshot-format.ts'
import type { ChainRules } from './chain-rules.ts'
import { snapshotsFolder } from './join-swap.ts'
import { verifySnapshot } from './snapshot-verify.ts'
import { blockAt } from './verify-chain.ts'
import type { ScannedLedger } from './verify-ledger.ts'
import type { VerifyJournal } from './verify-report.ts'

/** A proved snapshot of a block that the ledger holds: what stands in for the blocks that are not kept. */
export interface Ground { readonly folder: SnapshotFolder; readonly read: ReadManifest }

/** The oldest snapshot of the folder that the ledger goes on from, proved from genesis on. A snapshot that does not hold is a finding; then the next one is tried. Undefined when there is none. */
export async function findGround(dataDir: string, ledger: ScannedLedger, rules: ChainRules, journal: VerifyJournal, signal: AbortSignal | undefined): Promise<Ground | undefined> {
  const folder = new SnapshotFolder(snapshotsFolder(dataDir), rules.chain)
  for (const height of await folder.heights()) {
    const block = blockAt(ledger, rules.chain, height)
    if (block === undefined || await folder.proof(height) === undefined) continue
    try {
      await verifySnapshot(folder, height, { chain: rules.chain, trusted: rules.periods[0]! }, { share: 1, ...(signal === undefined ? {} : { signal }) })
      const read = await folder.manifest(height)
      if (equalBytes(read.block, block.hash)) return { folder, read }
      journal.find({ part: 'chain', code: 'SNAPSHOT_INVALID', rule: 'a snapshot is of the block the ledger holds', height, file: folder.of(height) })
    } catch (error) {
      const code = errorCode(error)
      if (!(error instanceof SteleError) || code === undefined || code === 'INVARIANT_BROKEN') throw error
      journal.find({ part: 'chain', code, rule: error.message, height, file: folder.of(height), details: error.details })
    }
  }
  return undefined
}
