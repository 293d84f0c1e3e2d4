import { join } from 'node:path'
import { toHex } from '../../primitives/bytes.ts'
import { chainIdOf } from '../../primitives/genesis.ts'
import type { Genesis } from '../../primitives/genesis.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { decodeTransaction } from '../../primitives/transaction.ts'
import { ChainStore } from '../../node/chain-store.ts'
import { systemRandom } from '../../node/system.ts'
import { openDatabase } from '../../state/database.ts'
import { openLedger } from '../../state/ledger-open.ts'
import { nodeFileSystem, nodeTimers } from '../../state/node-file-system.ts'
import { openWorldState } from '../../state/world-state.ts'

/** What a stopped node has on disk. Hex throughout. */
export interface StoredChain {
  readonly height: number
  /** State root of the database as it stands, computed from its tree. */
  readonly root: string
  /** By height, from 1. */
  readonly blocks: readonly { readonly hash: string; readonly stateRoot: string; readonly transactions: readonly string[] }[]
}

/** Reads the committed chain of a stopped node from its own files, with no node running. */
export async function readStoredChain(dataDirectory: string, genesis: Genesis): Promise<StoredChain> {
  const chain = chainIdOf(genesis)
  const failed = (error: unknown): never => { throw error }
  const opened = await openLedger({ directory: join(dataDirectory, 'ledger'), chainId: chain, create: false }, { fileSystem: nodeFileSystem, timers: nodeTimers, logger: silentLogger, random: systemRandom, failed, damaged: failed })
  if (opened.status === 'repair') throw new Error(`damaged: ${JSON.stringify(opened.damaged)}`)
  const world = openWorldState(await openDatabase(join(dataDirectory, 'state')), { chain })
  try {
    const store = new ChainStore(chain, opened.ledger, world)
    const blocks = Array.from({ length: store.height }, (_, i) => {
      const { hash, header, envelope } = store.block(i + 1)!
      return { hash: toHex(hash), stateRoot: toHex(header.stateRoot), transactions: envelope.transactions.map((bytes) => toHex(decodeTransaction(bytes, chain).id)) }
    })
    return { height: store.height, root: toHex(world.root), blocks }
  } finally {
    await opened.ledger.close()
    await world.close()
  }
}

/** Height and state root of a stopped node, from its state database alone. */
export async function readStoredState(dataDirectory: string, genesis: Genesis): Promise<Pick<StoredChain, 'height' | 'root'>> {
  const world = openWorldState(await openDatabase(join(dataDirectory, 'state')), { chain: chainIdOf(genesis) })
  try {
    return { height: world.height, root: toHex(world.root) }
  } finally {
    await world.close()
  }
}
