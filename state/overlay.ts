import { invariant } from '../primitives/assert.ts'
import { bytesToText } from '../primitives/bytes.ts'
import { type Digest, textToBytes } from './digest.ts'
import { leafChange, type LeafChange, type NodeChanges, type NodeSource, updateTree } from './state-tree.ts'
import type { TreeNode } from './tree-node.ts'
import { worldError } from './world-errors.ts'

/** Synchronous reads at one version of the state. The bytes returned must not be changed. */
export interface StateView {
  get(key: Uint8Array): Uint8Array | undefined
}

/** A state that may be written. Key and value belong to the store from then on: the caller must not change them. */
export interface StateStore extends StateView {
  put(key: Uint8Array, value: Uint8Array): void
  /** Deleting what is absent is no error and leaves no trace. */
  delete(key: Uint8Array): void
}

/** The writable side of one block's layer, with savepoints. They nest: `commit` folds the newest into the one around it, `rollback` undoes all since it began. */
export interface TransactionStore extends StateStore {
  begin(): void
  commit(): void
  rollback(): void
}

/** One key of a write set; `value` undefined: removed. */
export interface StateWrite { readonly key: Uint8Array; readonly value: Uint8Array | undefined }

export const STATE_LIMITS = {
  /** Longest key. Longer keys cost every proof and every row. */
  keyBytesMax: 256,
  /** Longest value: no state entry is larger than a transaction. */
  valueBytesMax: 64 * 1024,
} as const

/** What lies under the lowest layer: the durable state. `text` is the key as `bytesToText` gives it. */
export interface LayerBase extends NodeSource {
  readonly root: Digest
  /** Grows by one with every flush of layers. */
  readonly generation: number
  valueAt(text: string, key: Uint8Array): Uint8Array | undefined
  /** The topmost layer of the last flush: layers upon it now stand on the base itself. */
  readonly newestFlushed: Layer | undefined
}

type Status = 'open' | 'sealed' | 'dropped' | 'flushed'

/**
 * The write set of one block over its parent block's layer, or over the durable state. Open while the block executes, then sealed: root computed, nothing changes any more.
 * Competing blocks have competing layers; the caller keeps them by block hash.
 */
export class Layer implements NodeSource, StateView {
  readonly #base: LayerBase
  #parent: Layer | undefined
  #generation: number
  #status: Status = 'open'
  #writes = new Map<string, StateWrite>()
  /** What was found below, for the keys that every transaction reads; nothing below a layer ever changes. */
  #found = new Map<string, Uint8Array>()
  #nodes: NodeChanges = new Map()
  #root: Digest | undefined
  /** Undo log of the open savepoints: what a key's entry was before a write. */
  readonly #undo: { readonly text: string; readonly before: StateWrite | undefined }[] = []
  readonly #savepoints: number[] = []

  constructor(base: LayerBase, parent: Layer | undefined) {
    invariant(parent === undefined || parent.status !== 'open', 'a layer stands on a sealed layer')
    this.#base = base
    this.#parent = parent
    this.#generation = base.generation
    this.parent()
  }

  get status(): Status {
    return this.#status
  }

  /** What the layer holds in memory: keys written and tree nodes changed, about 1 KiB each. */
  get entryCount(): number {
    return this.#writes.size + this.#nodes.size
  }

  /** State root after the block, 32 bytes; the layer must be sealed. */
  get root(): Uint8Array {
    return textToBytes(this.rootDigest)
  }

  get rootDigest(): Digest {
    invariant(this.#root !== undefined, 'a layer has a root once it is sealed')
    return this.#root
  }

  /** The layer below, or undefined when this one stands on the durable state. `STATE_LAYER_STALE` when the ground below is gone: a competitor became durable, or an ancestor was dropped. */
  parent(): Layer | undefined {
    if (this.#status === 'dropped') throw worldError('STATE_LAYER_STALE')
    if (this.#status === 'flushed') {
      // A flushed layer is the durable state for as long as nothing was flushed after it.
      if (this !== this.#base.newestFlushed) throw worldError('STATE_LAYER_STALE')
      return undefined
    }
    const below = this.#parent
    if (below === undefined) {
      if (this.#generation !== this.#base.generation) throw worldError('STATE_LAYER_STALE')
      return undefined
    }
    if (below.#status === 'sealed') return below
    if (below !== this.#base.newestFlushed) throw worldError('STATE_LAYER_STALE')
    // The parent is now the durable state itself; letting go of it frees its memory.
    this.#parent = undefined
    this.#generation = this.#base.generation
    return undefined
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const text = bytesToText(key)
    const own = this.#writes.get(text)
    if (own !== undefined) return own.value
    const below = this.parent()
    if (below === undefined) return this.#base.valueAt(text, key)
    const known = this.#found.get(text)
    if (known !== undefined) return known
    const value = below.#search(text, key)
    if (value !== undefined) this.#found.set(text, value)
    return value
  }

  #search(text: string, key: Uint8Array): Uint8Array | undefined {
    for (let layer: Layer | undefined = this; layer !== undefined; layer = layer.parent()) {
      const write = layer.#writes.get(text)
      if (write !== undefined) return write.value
    }
    return this.#base.valueAt(text, key)
  }

  nodeAt(path: string): TreeNode | undefined {
    for (let layer: Layer | undefined = this; layer !== undefined; layer = layer.parent()) {
      const node = layer.#nodes.get(path)
      if (node !== undefined) return node ?? undefined
    }
    return this.#base.nodeAt(path)
  }

  /** The one writable store of this layer. */
  store(): TransactionStore {
    return {
      get: (key) => this.get(key),
      put: (key, value) => this.#put(key, value),
      delete: (key) => this.#put(key, undefined),
      begin: () => { this.#savepoints.push(this.#undo.length) },
      commit: () => this.#commit(),
      rollback: () => this.#rollback(),
    }
  }

  #put(key: Uint8Array, value: Uint8Array | undefined): void {
    invariant(this.#status === 'open', 'only an open layer is written')
    if (key.length === 0 || key.length > STATE_LIMITS.keyBytesMax || (value !== undefined && value.length > STATE_LIMITS.valueBytesMax)) {
      throw worldError('STATE_LIMIT', { keyBytes: key.length, valueBytes: value?.length ?? 0, ...STATE_LIMITS })
    }
    const text = bytesToText(key)
    if (this.#savepoints.length > 0) this.#undo.push({ text, before: this.#writes.get(text) })
    this.#writes.set(text, { key, value })
  }

  #commit(): void {
    const mark = this.#savepoints.pop()
    invariant(mark !== undefined, 'commit ends a begin')
    if (this.#savepoints.length === 0) this.#undo.length = 0
  }

  #rollback(): void {
    const mark = this.#savepoints.pop()
    invariant(mark !== undefined, 'rollback ends a begin')
    while (this.#undo.length > mark) {
      const { text, before } = this.#undo.pop()!
      if (before === undefined) this.#writes.delete(text)
      else this.#writes.set(text, before)
    }
  }

  /** Ends the block: computes the root. `writes` counts the keys written. Idempotent; savepoints must be closed. */
  seal(): { readonly root: Uint8Array; readonly writes: number } {
    if (this.#status === 'open') {
      invariant(this.#savepoints.length === 0, 'every begin is ended before sealing')
      const below = this.parent()
      const changes: LeafChange[] = []
      for (const { key, value } of this.#writes.values()) changes.push(leafChange(key, value))
      const { root, nodes } = updateTree(below ?? this.#base, below?.rootDigest ?? this.#base.root, changes)
      this.#root = root
      this.#nodes = nodes
      this.#status = 'sealed'
    }
    return { root: this.root, writes: this.#writes.size }
  }

  /** The write set in byte order of the keys. */
  *writes(): Generator<StateWrite> {
    for (const text of [...this.#writes.keys()].sort()) yield this.#writes.get(text)!
  }

  /** The write set and the changed tree nodes for the flush, in no order. */
  changes(): { readonly writes: ReadonlyMap<string, StateWrite>; readonly nodes: NodeChanges } {
    return { writes: this.#writes, nodes: this.#nodes }
  }

  /** Forgets a fork: the layer and all upon it become unusable. */
  drop(): void {
    if (this.#status === 'flushed') return
    this.#release('dropped')
  }

  /** Called by the world state when all of it stands in the database. */
  flushed(): void {
    this.#release('flushed')
  }

  #release(status: 'dropped' | 'flushed'): void {
    this.#status = status
    this.#writes = new Map()
    this.#found = new Map()
    this.#nodes = new Map()
    this.#parent = undefined
  }
}

/** First key at which two write sets differ, with both values; undefined when they are equal. Names the culprit when two nodes disagree on a root. */
export function firstDifference(a: Iterable<StateWrite>, b: Iterable<StateWrite>): { readonly key: Uint8Array; readonly a: StateWrite | undefined; readonly b: StateWrite | undefined } | undefined {
  const left = new Map(Array.from(a, (write) => [bytesToText(write.key), write] as const))
  const right = new Map(Array.from(b, (write) => [bytesToText(write.key), write] as const))
  for (const text of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    const [x, y] = [left.get(text), right.get(text)]
    const same = x !== undefined && y !== undefined && (x.value === undefined ? y.value === undefined : y.value !== undefined && Buffer.compare(x.value, y.value) === 0)
    if (!same) return { key: textToBytes(text), a: x, b: y }
  }
  return undefined
}
