import { join } from 'node:path'
import { SteleError } from '../primitives/error.ts'
import { silentLogger } from '../primitives/ports.ts'
import { openDatabase } from '../state/database.ts'
import type { Ledger } from '../state/ledger.ts'
import { openLedger } from '../state/ledger-open.ts'
import { nodeFileSystem, nodeTimers } from '../state/node-file-system.ts'
import { openWorldState } from '../state/world-state.ts'
import type { WorldState } from '../state/world-state.ts'
import { ChainStore } from './chain-store.ts'
import { systemRandom } from './system.ts'

/** Ledger and state of a stopped node, for tools. `LEDGER_LOCKED` while it runs, `LEDGER_MISSING`, `LEDGER_DAMAGED`, STATE_*. */
export async function openOffline(dataDir: string, chain: Uint8Array): Promise<{ readonly ledger: Ledger; readonly world: WorldState; readonly store: ChainStore; close(): Promise<void> }> {
  const opened = await openLedger({ directory: join(dataDir, 'ledger'), chainId: chain, create: false }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: systemRandom, failed: () => undefined })
  if (opened.status === 'repair') {
    await opened.repair.close()
    throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'the ledger is damaged; start the node, which repairs it' })
  }
  const { ledger } = opened
  try {
    const world = openWorldState(await openDatabase(join(dataDir, 'state')), { chain })
    return {
      ledger, world, store: new ChainStore(chain, ledger, world),
      async close() {
        await world.close()
        await ledger.close()
      },
    }
  } catch (error) {
    await ledger.close()
    throw error
  }
}
