import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SteleError } from '../primitives/error.ts'
import { silentLogger } from '../primitives/ports.ts'
import { openDatabase } from '../state/database.ts'
import type { Ledger } from '../state/ledger.ts'
import { openLedger } from '../state/ledger-open.ts'
import { nodeFileSystem, nodeTimers } from '../state/node-file-system.ts'
import { openStoredState } from '../state/world-state.ts'
import type { WorldState } from '../state/world-state.ts'
import { ChainStore } from './chain-store.ts'
import { systemRandom } from './system.ts'

/** Ledger and state of a stopped node, for tools. `LEDGER_LOCKED` while it runs, `LEDGER_MISSING`, `LEDGER_DAMAGED`, `STATE_MISSING` and other STATE_*. */
export async function openOffline(dataDir: string, chain: Uint8Array): Promise<{ readonly ledger: Ledger; readonly world: WorldState; readonly store: ChainStore; close(): Promise<void> }> {
  const opened = await openLedger({ directory: join(dataDir, 'ledger'), chainId: chain, create: false }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: systemRandom, failed: () => undefined })
  if (opened.status === 'repair') {
    await opened.repair.close()
    throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'the ledger is damaged; start the node, which repairs it' })
  }
  const { ledger } = opened
  const folder = join(dataDir, 'state')
  const missing = (): SteleError => new SteleError({ code: 'STATE_MISSING', message: 'there is no state beside the ledger', details: { folder } })
  let world: WorldState | undefined
  try {
    // Opening makes an empty one where there is none, which says that nothing is committed.
    if (!existsSync(folder)) throw missing()
    const opening = world = await openStoredState(await openDatabase(folder), { chain })
    if (opening.position.blockHash.every((byte) => byte === 0)) throw missing()
    return {
      ledger, world: opening, store: new ChainStore(chain, ledger, opening),
      async close() {
        await opening.close()
        await ledger.close()
      },
    }
  } catch (error) {
    await world?.close()
    await ledger.close()
    throw error
  }
}
