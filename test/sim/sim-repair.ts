import type { ChainRules } from '../../node/chain-rules.ts'
import { checkOffered } from '../../node/repair-proof.ts'
import type { CheckedEntry } from '../../node/repair-proof.ts'
import { openWholeLedger } from '../../node/repair-ledger.ts'
import { BlockSource, serveBlocks } from '../../node/sync-blocks.ts'
import type { OfferedEntry } from '../../node/sync-blocks.ts'
import { SteleError } from '../../primitives/error.ts'
import { silentLogger } from '../../primitives/ports.ts'
import type { OpenedLedger } from '../../state/ledger-open.ts'
import type { Ledger } from '../../state/ledger.ts'
import type { Life } from './scheduler.ts'
import type { SimBlockReader } from './sim-block.ts'
import type { SimWorld } from './sim-node.ts'

type Handler = (from: number, body: Uint8Array) => Promise<Uint8Array> | AsyncIterable<Uint8Array>

/** What each running node serves to repairing ones, by node and method. */
const served = new WeakMap<SimWorld, Map<string, { readonly life: Life; readonly handler: Handler }>>()

const ASK_AGAIN_US = 2_000_000
const REQUEST_TIMEOUT_US = 5_000_000

/** Serves this node's ledger to members in repair, by the production code. */
export function serveRepair(node: number, world: SimWorld, ledger: Ledger, committedIndex: () => number): void {
  const { life } = world.find(node)
  if (life === undefined) return
  const handlers = served.get(world) ?? new Map()
  served.set(world, handlers)
  const sync = { handle: (method: string, handler: Handler) => { handlers.set(`${node}:${method}`, { life, handler }) } } as Parameters<typeof serveBlocks>[0]['sync']
  serveBlocks({ sync, ledger, store: { finality: () => undefined }, committedIndex })
}

/** Opens the ledger whole, through the production repair mode when it is damaged, however long that takes. */
export function openRepaired(open: () => Promise<OpenedLedger>, own: { readonly node: number; readonly life: Life; readonly world: SimWorld; readonly rules: ChainRules; readonly onRepair: () => void }): Promise<Ledger> {
  const { node, life, world, rules, onRepair } = own
  const source = new BlockSource(lines(life, world), world.nodes.filter((id) => id !== node))
  const room = {
    signal: new AbortController().signal,
    enter: () => {
      onRepair()
      return Promise.resolve(source)
    },
    wait: () => new Promise<void>((resolve) => { world.scheduler.schedule(ASK_AGAIN_US, life, resolve) }),
    throwIfStopping: () => undefined,
  }
  const check = (offered: OfferedEntry): CheckedEntry => checkSimEntry(offered, world.reader)
  return openWholeLedger({ open, room, rules, logger: silentLogger, check })
}

/** As `checkOffered`, for the blocks of the simulated executor. */
function checkSimEntry(offered: OfferedEntry, reader: SimBlockReader): CheckedEntry {
  const { index, term, kind, data } = offered
  if (data.length === 0) return checkOffered(offered, undefined as never)
  const read = reader.read(data)
  if (read === undefined || read.block.term !== term) throw new SteleError({ code: 'BLOCK_INVALID', message: 'the offered block is none' })
  return { entry: { index, term, kind, height: read.block.height, data, hash: read.hash }, header: undefined }
}

/** The sync protocol of a repairing node over simulated lines; a lost request or answer ends in a timeout. */
function lines(life: Life, world: SimWorld): ConstructorParameters<typeof BlockSource>[0] {
  const ask = (to: number, method: string, body: Uint8Array): Promise<readonly Uint8Array[]> => new Promise((resolve, reject) => {
    const timeout = world.scheduler.schedule(REQUEST_TIMEOUT_US, life, () => reject(new SteleError({ code: 'P2P_TIMEOUT', message: 'no answer in time' })))
    world.network.call(life, to, () => {
      const entry = served.get(world)?.get(`${to}:${method}`)
      return entry?.life.alive === true ? answerOf(() => entry.handler(life.node, body)) : undefined
    }, (answer) => {
      if (answer === undefined) return
      answer.then(resolve, reject)
      timeout.cancelled = true
    })
  })
  return {
    request: async (to, method, body) => (await ask(to, method, body))[0] ?? new Uint8Array(0),
    stream: (to, method, body) => items(ask(to, method, body)),
  } as ConstructorParameters<typeof BlockSource>[0]
}

/** What the sync protocol makes of a handler that fails, at once or later: the asker learns that it did, not why. */
async function answerOf(handle: () => Promise<Uint8Array> | AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  try {
    return await collect(handle())
  } catch (cause) {
    if (!(cause instanceof SteleError)) throw cause
    throw new SteleError({ code: 'P2P_REMOTE_FAILED', message: 'the other node could not answer', cause })
  }
}

async function collect(answer: Promise<Uint8Array> | AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  if (answer instanceof Promise) return [await answer]
  const found: Uint8Array[] = []
  for await (const item of answer) found.push(item.slice())
  return found
}

async function* items(answer: Promise<readonly Uint8Array[]>): AsyncGenerator<Uint8Array> {
  yield* await answer
}
