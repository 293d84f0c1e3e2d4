import t from 'tap'
import type { ChainRules } from '../../node/chain-rules.ts'
import { openWholeLedger } from '../../node/repair-ledger.ts'
import { BlockSource, serveBlocks } from '../../node/sync-blocks.ts'
import type { OfferedEntry } from '../../node/sync-blocks.ts'
import { silentLogger } from '../../primitives/ports.ts'
import { openLedger } from '../../state/ledger-open.ts'
import type { Entry } from '../../state/ledger-record.ts'
import type { Ledger } from '../../state/ledger.ts'
import { scanLedger } from '../../state/ledger-verify.ts'
import { CrashFileSystem } from '../helpers/crash-file-system.ts'
import { DIRECTORY, contentOf, openNormal, testCollaborators, testEntry, testOptions } from '../state/ledger-fixture.ts'

type Handler = (from: number, body: Uint8Array) => AsyncIterable<Uint8Array> & Promise<Uint8Array>

/** The sync protocol between this test and ledgers that have committed all they hold. */
function sourceOf(ledgers: ReadonlyMap<number, Ledger>): BlockSource {
  const handlers = new Map<string, Handler>()
  for (const [node, ledger] of ledgers) {
    const sync = { handle: (method: string, handler: Handler) => { handlers.set(`${node}:${method}`, handler) } } as unknown as Parameters<typeof serveBlocks>[0]['sync']
    serveBlocks({ sync, ledger, store: { finality: () => undefined }, committedIndex: () => ledger.lastIndex() })
  }
  const ask = (node: number, method: string, body: Uint8Array): ReturnType<Handler> => handlers.get(`${node}:${method}`)!(0, body)
  return new BlockSource({ request: ask, stream: ask } as unknown as ConstructorParameters<typeof BlockSource>[0], [...ledgers.keys()])
}

/** Opens the damaged ledger of node 1 beside the others'. */
function openRepaired(disk: CrashFileSystem, theirs: ReadonlyMap<number, Ledger>): Promise<Ledger> {
  const room = { signal: new AbortController().signal, enter: () => Promise.resolve(sourceOf(theirs)), wait: () => Promise.reject(new Error('it would wait for ever')), throwIfStopping: () => undefined }
  const check = ({ index, term }: OfferedEntry): { entry: ReturnType<typeof testEntry>; header: undefined } => ({ entry: testEntry(index, term), header: undefined })
  const rules = { members: { voters: [1, 2, 3] } } as unknown as ChainRules
  return openWholeLedger({ open: () => openLedger(testOptions(), testCollaborators(disk)), room, rules, logger: silentLogger, check })
}

/** Ledgers of two nodes that have committed the same four entries. */
async function othersWith(entries: readonly Entry[]): Promise<ReadonlyMap<number, Ledger>> {
  const theirs = new Map<number, Ledger>()
  for (const node of [2, 3]) {
    const ledger = await openNormal(new CrashFileSystem())
    await ledger.append({ entries })
    theirs.set(node, ledger)
  }
  return theirs
}

t.test('a lost entry of which nobody can tell what it was is given up for what the cluster has committed in its place', async (t) => {
  const theirs = await othersWith([testEntry(1), testEntry(2, 2), testEntry(3, 2), testEntry(4, 2)])
  const disk = new CrashFileSystem()
  const own = await openNormal(disk)
  await own.append({ entries: [testEntry(1), testEntry(2), testEntry(3), testEntry(4)] })
  await own.close()
  const offsets: number[] = []
  await scanLedger(disk, DIRECTORY, (record, { offset }) => { if (record.type === 'entry') offsets.push(offset) })
  const bytes = disk.bytesOf(`${DIRECTORY}/00000001.segment`)
  bytes[offsets[1]!]! ^= 1 // The header of entry 2, and what entry 3 remembers of it.
  bytes[offsets[2]! + 300]! ^= 1
  const ledger = await openRepaired(disk, theirs)
  t.same(Reflect.get(Object(contentOf(ledger)), 'entries'), Reflect.get(Object(contentOf(theirs.get(2)!)), 'entries'))
})

t.test('what stands before a lost entry and was never committed goes with it, when others have committed something else there (found by the simulator, seed 200926)', async (t) => {
  const theirs = await othersWith([testEntry(1), testEntry(2, 2), testEntry(3, 2), testEntry(4, 2)])
  const disk = new CrashFileSystem()
  const own = await openNormal(disk)
  await own.append({ entries: [testEntry(1), testEntry(2), testEntry(3), testEntry(4)], hardState: { term: 1, vote: 2, commit: 1 } })
  await own.close()
  let last = 0
  await scanLedger(disk, DIRECTORY, (record, { offset }) => { if (record.type === 'entry') last = offset })
  disk.bytesOf(`${DIRECTORY}/00000001.segment`)[last + 100]! ^= 1
  const ledger = await openRepaired(disk, theirs)
  t.same(Reflect.get(Object(contentOf(ledger)), 'entries'), Reflect.get(Object(contentOf(theirs.get(2)!)), 'entries'))
})
