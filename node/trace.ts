import type { TransactionStore } from '../state/overlay.ts'

/** One write of a traced block. `value` undefined: deleted. `position`: of its transaction in the block; −1 for the block's own bookkeeping after the last. */
export interface TracedWrite { readonly position: number; readonly key: Uint8Array; readonly value: Uint8Array | undefined; readonly transaction?: string | undefined }

/** A store that remembers what is written through it, transaction by transaction; what is rolled back is forgotten. */
export function tracing(store: TransactionStore): { readonly store: TransactionStore; readonly writes: TracedWrite[] } {
  const writes: TracedWrite[] = []
  let position = -1
  let open: number | undefined
  const note = (key: Uint8Array, value: Uint8Array | undefined): void => { writes.push({ position: open === undefined ? -1 : position, key, value }) }
  return {
    writes,
    store: {
      get: (key) => store.get(key),
      put(key, value) {
        store.put(key, value)
        note(key, store.get(key))
      },
      delete(key) {
        store.delete(key)
        note(key, undefined)
      },
      begin() {
        position++
        open = writes.length
        store.begin()
      },
      commit() {
        open = undefined
        store.commit()
      },
      rollback() {
        writes.length = open ?? writes.length
        open = undefined
        store.rollback()
      },
    },
  }
}
