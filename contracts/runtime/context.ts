import { invariant } from '../../primitives/assert.ts'
import { encode } from '../../primitives/codec.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import { Slab } from '../../primitives/slab.ts'
import type { SignatureItem } from '../../primitives/signature.ts'
import type { ApplyContext, BlockContext, Caller, Contract } from './contract.ts'
import { COST } from './cost.ts'
import type { CostMeter } from './cost.ts'
import { permissionOf } from './permissions.ts'
import type { StateStore, Verified } from './ports.ts'
import type { ReplayView } from './replay-window.ts'
import { decodeValue } from './table.ts'
import type { Table } from './table.ts'

type Event = Receipt['events'][number]

/** What a block writes lives until it is durable, and goes together. */
const written = new Slab()

export interface ContextParts {
  readonly contract: Contract
  readonly caller: Caller
  readonly block: BlockContext
  readonly transactionId: Uint8Array
  readonly state: StateStore
  readonly window: ReplayView
  readonly verified: Verified
  readonly meter: CostMeter
}

/** The context of one transaction. Writing is shut until `openForWriting`, so a check cannot write whatever its code says. */
export class TransactionContext implements ApplyContext {
  readonly caller: Caller
  readonly block: BlockContext
  readonly transactionId: Uint8Array
  readonly events: Event[] = []
  private readonly parts: ContextParts
  private writable = false

  constructor(parts: ContextParts) {
    this.parts = parts
    this.caller = parts.caller
    this.block = parts.block
    this.transactionId = parts.transactionId
  }

  openForWriting(): void {
    this.writable = true
  }

  get<K extends readonly unknown[], V>(table: Table<K, V>, ...key: K): V | undefined {
    this.demand(table.fullName, 'read')
    const bytes = this.parts.state.get(table.keyOf(...key))
    this.parts.meter.add(COST.read + COST.readByte * (bytes?.length ?? 0))
    return bytes === undefined ? undefined : decodeValue(table, bytes)
  }

  put<K extends readonly unknown[], V>(table: Table<K, V>, key: K, value: V): void {
    this.demand(table.fullName, 'write')
    const bytes = encode(table.value, value, written)
    this.parts.meter.add(COST.write + COST.writeByte * bytes.length)
    this.parts.state.put(table.keyIn(written, ...key), bytes)
  }

  delete<K extends readonly unknown[], V>(table: Table<K, V>, ...key: K): void {
    this.demand(table.fullName, 'write')
    this.parts.meter.add(COST.write)
    this.parts.state.delete(table.keyOf(...key))
  }

  emit<T>(name: string, schema: Parameters<typeof encode<T>>[0], data: T): void {
    invariant(this.writable, 'only apply emits events')
    const bytes = encode(schema, data, written)
    this.parts.meter.add(COST.event + COST.eventByte * bytes.length)
    this.events.push({ contract: this.parts.contract.name, name, data: bytes })
  }

  verified(item: SignatureItem): boolean {
    this.parts.meter.add(COST.proof)
    return this.parts.verified(item)
  }

  isClaimed(key: Uint8Array): boolean {
    this.parts.meter.add(COST.read)
    return this.parts.window.isClaimed(key, this.block.timeMs)
  }

  private demand(fullName: string, needed: 'read' | 'write'): void {
    const { name } = this.parts.contract
    const permission = permissionOf(name, fullName)
    if (permission !== 'write' && permission !== needed) invariant(false, 'a contract reached for a table it has no permission for', { contract: name, table: fullName, needed })
    if (needed === 'write' && !this.writable) invariant(false, 'a check tried to write', { contract: name })
  }
}
