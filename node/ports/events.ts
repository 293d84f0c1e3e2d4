import { fromHex, toHex } from '../../primitives/bytes.ts'
import { decisionEvent } from '../../primitives/calls/access.ts'
import { decode } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { readPage } from '../../state/indexes.ts'
import type { Caller, EventFeed, FeedItem } from '../../rpc/ports.ts'
import type { AuditEntry } from '../../rpc/shapes/access.ts'
import type { BlockSummary } from '../../rpc/shapes/chain.ts'
import type { TxStatus } from '../../rpc/shapes/transaction.ts'
import type { SteleNode } from '../stele-node.ts'
import type { NodeAudit } from './audit.ts'
import type { NodeChain } from './chain.ts'
import type { NodeTransactions } from './transactions.ts'

const invalidCursor = (): SteleError => new SteleError({ code: 'RPC_CURSOR_INVALID', message: 'the cursor is none of this feed' })

/** Streams read from the store, woken by commits; nothing is buffered for a reader that does not ask. */
export class NodeEvents implements EventFeed {
  readonly #node: SteleNode
  readonly #chain: NodeChain
  readonly #transactions: NodeTransactions
  readonly #audit: NodeAudit

  constructor(node: SteleNode, ports: { readonly chain: NodeChain; readonly transactions: NodeTransactions; readonly audit: NodeAudit }) {
    this.#node = node
    this.#chain = ports.chain
    this.#transactions = ports.transactions
    this.#audit = ports.audit
  }

  async *headers(after: string | null, signal: AbortSignal): AsyncGenerator<FeedItem<BlockSummary>> {
    const { store } = this.#node.parts
    if (after !== null && !/^(?:0|[1-9]\d{0,15})$/.test(after)) throw invalidCursor()
    for (let height = after === null ? store.height : Number(after); !signal.aborted;) {
      if (height >= store.height) await this.#wake(signal)
      while (height < store.height && !signal.aborted) {
        const { summary } = await this.#chain.block({ height: ++height }, false)
        yield { cursor: String(height), value: summary }
      }
    }
  }

  async *txStatus(ids: readonly string[], after: string | null, signal: AbortSignal): AsyncGenerator<FeedItem<TxStatus>> {
    // A status is a present fact, not a history: on resumption the present statuses come again, which tells everything that was missed.
    if (after !== null && !/^\d{1,16}$/.test(after)) throw invalidCursor()
    let cursor = after === null ? 0 : Number(after)
    const told = new Map<string, string>()
    const isOver = ({ status, final }: TxStatus): boolean => final || status === 'expired'
    const over = new Set<string>()
    while (!signal.aborted && over.size < ids.length) {
      for (const id of ids) {
        const value = await this.#transactions.status(id)
        const key = `${value.status}/${value.final}`
        if (isOver(value)) over.add(id)
        if (told.get(id) === key) continue
        told.set(id, key)
        yield { cursor: String(++cursor), value }
      }
      if (over.size < ids.length) await this.#wakeAny(ids, signal)
    }
  }

  async *audit(subject: string, caller: Caller, after: string | null, signal: AbortSignal): AsyncGenerator<FeedItem<AuditEntry>> {
    this.#audit.mustSee(subject, caller)
    const { store, world } = this.#node.parts
    const owner = fromHex(subject)
    let cursor = after ?? (await readPage(world.rows(), { space: 'auditBySubject', owner, order: 'newest', atHeight: store.height, limit: 1 })).rows.map(cursorOf)[0]
    while (!signal.aborted) {
      const { rows } = await readPage(world.rows(), { space: 'auditBySubject', owner, order: 'oldest', atHeight: store.height, limit: 100, ...(cursor === undefined ? {} : { after: cursor }) })
      for (const row of rows) {
        cursor = cursorOf(row)
        yield { cursor, value: await this.#audit.entry(row.height, row.position, decode(decisionEvent, row.value)) }
      }
      if (rows.length === 0) await this.#wake(signal)
    }
  }

  /** Resolves at the next committed block that the indexes show, or when the reader goes. */
  async #wake(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        stop()
        signal.removeEventListener('abort', finish)
        resolve()
      }
      const stop = this.#node.onCommitted(finish)
      signal.addEventListener('abort', finish)
      if (signal.aborted) finish()
    })
    await this.#node.parts.applier.settled()
  }

  async #wakeAny(ids: readonly string[], signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const stops: (() => void)[] = []
      const finish = (): void => {
        for (const stop of stops) stop()
        signal.removeEventListener('abort', finish)
        resolve()
      }
      for (const id of ids) stops.push(this.#node.parts.book.watch(id, finish))
      signal.addEventListener('abort', finish)
      if (signal.aborted) finish()
    })
  }
}

function cursorOf({ height, position, ordinal }: { readonly height: number; readonly position: number; readonly ordinal: number }): string {
  const bytes = new Uint8Array(14)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(height))
  view.setUint32(8, position)
  view.setUint16(12, ordinal)
  return toHex(bytes)
}
