import { setTimeout as sleep } from 'node:timers/promises'
import { concatBytes, fromHex, toHex, u32Bytes, u64Bytes } from '../../primitives/bytes.ts'
import { decisionEvent } from '../../primitives/calls/access.ts'
import type { DecisionEvent } from '../../primitives/calls/access.ts'
import { decode, encode } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { receiptBundle } from '../../primitives/receipt.ts'
import { readAccount, readerOf } from '../../contracts/index.ts'
import { readPage } from '../../state/indexes.ts'
import type { AuditReader, Caller, PageQuery, ProvenPageOf } from '../../rpc/ports.ts'
import type { AuditEntry, Decision, Permit, Permits } from '../../rpc/shapes/access.ts'
import type { SteleNode } from '../stele-node.ts'
import type { VaultService } from '../vault-service.ts'
import type { Head } from './head.ts'

/** A certificate may come some milliseconds before the block it certifies is on disk here. */
const FLUSH_POLL_MS = 10

/** Decisions as the audit trail shows them, and the feed of permits that custodians follow. */
export class NodeAudit implements AuditReader {
  readonly #node: SteleNode
  readonly #vault: VaultService
  readonly #head: Head

  constructor(node: SteleNode, vault: VaultService, head: Head) {
    this.#node = node
    this.#vault = vault
    this.#head = head
  }

  async audit(subject: string, { atHeight, after, limit, order }: PageQuery, caller: Caller): Promise<ProvenPageOf<AuditEntry>> {
    this.mustSee(subject, caller)
    const height = atHeight ?? this.#node.parts.store.height
    const { rows, next } = await readPage(this.#node.parts.world.rows(), { space: 'auditBySubject', owner: fromHex(subject), order, atHeight: height, limit, ...(after === null ? {} : { after }) })
    const items = await Promise.all(rows.map(({ height: at, position, value }) => this.entry(at, position, decode(decisionEvent, value))))
    return { items, next, firstHeight: this.#node.parts.store.floor, asOf: { ...this.#head.asOf, height } }
  }

  async permits({ after, limit, waitMs }: { readonly after: { readonly height: number; readonly position: number }; readonly limit: number; readonly waitMs: number }, caller: Caller, signal: AbortSignal): Promise<Permits> {
    if (caller.kind !== 'institution' && caller.kind !== 'service') throw new SteleError({ code: 'RPC_FORBIDDEN', message: 'permits are for custodian institutions' })
    const deadline = performance.now() + waitMs
    for (;;) {
      // Listened for before the look, so that a block which becomes final meanwhile is not slept through.
      const listening = new AbortController()
      const next = this.#nextFinal(Math.max(1, deadline - performance.now()), AbortSignal.any([signal, listening.signal]))
      try {
        const found = await this.#permitsAfter(after, limit, caller.member)
        if (found.items.length > 0 || performance.now() >= deadline || signal.aborted) return found
        await next
      } finally {
        listening.abort()
      }
    }
  }

  /** One decision with its details and, when final, its proof. Without time and proof when its block was pruned: that it was decided stands in the index, which stays. */
  async entry(height: number, position: number, decision: DecisionEvent): Promise<AuditEntry> {
    const { store } = this.#node.parts
    const kept = store.keeps(height)
    const bundle = kept ? await store.receiptBundle({ height, position }) : undefined
    const details = await this.#vault.office.get({ request: decision.request, section: 0, kind: 'details' }).catch((error: unknown) => {
      if (error instanceof SteleError) return undefined // Not delivered yet, or erased: the entry stands without them.
      throw error
    })
    return {
      height, position, timeMs: kept ? Number(store.block(height)!.header.timeMs) : null, decision: decisionJson(decision), final: height <= store.finalHeight,
      details: details === undefined ? null : toHex(details.sealed), bundle: bundle === undefined ? null : toHex(encode(receiptBundle, bundle)),
    }
  }

  /** The subject and the auditors of its institution. */
  mustSee(subject: string, caller: Caller): void {
    if (caller.account === subject) return
    const account = readAccount(readerOf(this.#node.parts.world.view()), fromHex(subject))
    if (account === undefined || caller.kind !== 'auditor' || account.member !== caller.member) throw new SteleError({ code: 'RPC_NOT_FOUND', message: 'there is no such thing, or it is not for the caller to know' })
  }

  async #permitsAfter(asked: { readonly height: number; readonly position: number }, limit: number, member: number): Promise<Permits> {
    const { store, world } = this.#node.parts
    // Blocks are pruned long after their permits have ended.
    const after = asked.height < store.floor - 1 ? { height: store.floor - 1, position: 0xffff_ffff } : asked
    const finalHeight = store.finalHeight
    const cursor = toHex(concatBytes(u64Bytes(after.height), u32Bytes(after.position), Uint8Array.of(255, 255)))
    const { rows, next } = await readPage(world.rows(), { space: 'permitByCustodian', owner: u32Bytes(member), order: 'oldest', atHeight: finalHeight, after: cursor, limit })
    const items = await Promise.all(rows.map(async ({ height, position, value }): Promise<Permit> => {
      const bundle = await store.receiptBundle({ height, position })
      if (bundle === undefined) throw new SteleError({ code: 'STATE_DAMAGED', message: 'a final permit has no proof', details: { height } })
      return { height, position, timeMs: Number(store.block(height)!.header.timeMs), decision: decisionJson(decode(decisionEvent, value)), bundle: toHex(encode(receiptBundle, bundle)) }
    }))
    const last = rows.at(-1)
    const beyond = next === null && finalHeight > after.height ? { height: finalHeight, position: 0xffff_ffff } : after
    return { items, next: next !== null && last !== undefined ? { height: last.height, position: last.position } : beyond, asOf: this.#head.asOf }
  }

  /** Until a further block is final and its proof can be given, that is flushed as well; or the time is up. */
  async #nextFinal(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + timeoutMs
    const height = await this.#finalEvent(timeoutMs, signal)
    while (this.#node.parts.store.finalHeight < height && performance.now() < deadline && !signal.aborted) await sleep(FLUSH_POLL_MS)
  }

  /** The height that has just become final; 0 when the time is up. */
  #finalEvent(timeoutMs: number, signal: AbortSignal): Promise<number> {
    return new Promise((resolve) => {
      const finish = (height: number): void => {
        clearTimeout(timer)
        stop()
        signal.removeEventListener('abort', onAbort)
        resolve(height)
      }
      const onAbort = (): void => finish(0)
      const timer = setTimeout(onAbort, timeoutMs)
      const stop = this.#node.onFinal(finish)
      signal.addEventListener('abort', onAbort)
    })
  }
}

export function decisionJson(decision: DecisionEvent): Decision {
  return {
    request: toHex(decision.request), requester: toHex(decision.requester), subject: toHex(decision.subject), record: toHex(decision.record), version: decision.version,
    sections: decision.sections, action: decision.action, purpose: decision.purpose, decision: decision.decision, basis: toHex(decision.basis), until: Number(decision.until),
    readerKey: toHex(decision.readerKey), detailsHash: toHex(decision.detailsHash),
  }
}
