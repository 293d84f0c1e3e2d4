import { toHex } from '../../primitives/bytes.ts'
import type { StateStore } from '../../contracts/runtime/ports.ts'

/** In-memory state with nested savepoints; counts writes, so that tests can compare what two calls did. */
export class MemoryState implements StateStore {
  readonly entries = new Map<string, Uint8Array>()
  writes = 0
  private readonly undo: Map<string, Uint8Array | undefined>[] = []

  get(key: Uint8Array): Uint8Array | undefined {
    return this.entries.get(toHex(key))
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.set(toHex(key), value)
  }

  delete(key: Uint8Array): void {
    this.set(toHex(key), undefined)
  }

  begin(): void {
    this.undo.push(new Map())
  }

  commit(): void {
    const inner = this.undo.pop()!
    const outer = this.undo.at(-1)
    if (outer !== undefined) for (const [key, before] of inner) if (!outer.has(key)) outer.set(key, before)
  }

  rollback(): void {
    for (const [key, before] of this.undo.pop()!) this.restore(key, before)
  }

  /** Sorted keys and values in hex: equal states give equal text. */
  dump(): string {
    return [...this.entries].map(([key, value]) => `${key}=${toHex(value)}`).sort().join('\n')
  }

  private set(key: string, value: Uint8Array | undefined): void {
    this.writes += 1
    const level = this.undo.at(-1)
    if (level !== undefined && !level.has(key)) level.set(key, this.entries.get(key))
    this.restore(key, value)
  }

  private restore(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.entries.delete(key)
    else this.entries.set(key, value)
  }
}
