import { Worker } from 'node:worker_threads'
import { concatBytes } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { sha256Hex } from '../primitives/hash.ts'
import { verify } from '../primitives/signature.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import { RecentCache } from '../state/recent-cache.ts'
import { packItems } from './verify-packing.ts'

/** Threads that verify, signatures per message to a thread, and positive verdicts remembered. */
export interface VerifierOptions { readonly threads: number; readonly batchMax: number; readonly verdictsMax: number }
export const DEFAULT_VERIFIER: VerifierOptions = { threads: 1, batchMax: 256, verdictsMax: 65_536 }

/** Below this many signatures the trip to a thread costs more than the check itself. */
const INLINE_MAX = 2

interface Asked { readonly item: SignatureItem; readonly resolve: (valid: boolean) => void; readonly reject: (error: unknown) => void }
interface Waiting { readonly resolve: (verdicts: Uint8Array) => void; readonly reject: (error: unknown) => void }

/**
 * Signature verification off the event loop, in batches, with a cache of positive verdicts keyed by the hash of (key, message, signature) in full.
 * Implements consensus' Verifier. The verdict is pure mathematics; who may use which key is decided in execution (DESIGN §5.3).
 */
export class VerifierPool {
  readonly #options: VerifierOptions
  readonly #workers: Worker[] = []
  readonly #waiting = new Map<number, Waiting>()
  /** Keys of signatures found valid. */
  readonly #verdicts: RecentCache<true>
  #asked: Asked[] = []
  #next = 0
  #stopped = false

  constructor(options: VerifierOptions = DEFAULT_VERIFIER) {
    this.#options = options
    this.#verdicts = new RecentCache(options.verdictsMax, () => 1)
  }

  /** Threads are started when a batch first needs them: an idle node does without their memory. */
  #startThreads(): void {
    while (this.#workers.length < this.#options.threads) {
      const worker = new Worker(new URL('./verify-worker.ts', import.meta.url), { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } })
      worker.on('message', ({ id, verdicts }: { id: number; verdicts: Uint8Array }) => {
        this.#waiting.get(id)?.resolve(verdicts)
        this.#waiting.delete(id)
        if (this.#waiting.size === 0) for (const each of this.#workers) each.unref()
      })
      worker.on('error', (cause) => this.#fail(new SteleError({ code: 'VERIFIER_FAILED', message: 'a verification thread ended', cause })))
      worker.unref()
      this.#workers.push(worker)
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#fail(new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true }))
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  /** True when this very signature was found valid before. Synchronous: execution asks this first. */
  knows(item: SignatureItem): boolean {
    return this.#verdicts.get(verdictKey(item)) === true
  }

  /** One verdict per item, in order. Known ones cost a hash; what several callers ask within one turn of the event loop travels together. */
  async verifyBatch(items: readonly SignatureItem[]): Promise<boolean[]> {
    const keys = items.map(verdictKey)
    const known = keys.map((key) => this.#verdicts.get(key) === true)
    if (known.every(Boolean)) return known
    const fresh = await this.verifyUnseen(items.filter((_, i) => !known[i]))
    let next = 0
    return keys.map((key, i) => {
      if (known[i] === true) return true
      const valid = fresh[next++] === true
      if (valid) this.#verdicts.set(key, true)
      return valid
    })
  }

  /** The same without the memory of verdicts, for callers that remember by themselves. */
  verifyUnseen(items: readonly SignatureItem[]): Promise<boolean[]> {
    if (items.length === 0) return Promise.resolve([])
    if (this.#stopped) return Promise.reject(new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true }))
    return new Promise((resolve, reject) => {
      if (this.#asked.length === 0) setImmediate(() => this.#dispatch())
      const [only] = items
      if (items.length === 1) {
        this.#asked.push({ item: only!, resolve: (valid) => resolve([valid]), reject })
        return
      }
      const verdicts: boolean[] = []
      let missing = items.length
      const settle = (i: number, valid: boolean): void => {
        verdicts[i] = valid
        if (--missing === 0) resolve(verdicts)
      }
      items.forEach((item, i) => this.#asked.push({ item, resolve: (valid) => settle(i, valid), reject }))
    })
  }

  #dispatch(): void {
    const asked = this.#asked
    this.#asked = []
    if (this.#options.threads === 0 || asked.length <= INLINE_MAX) {
      for (const { item, resolve } of asked) resolve(verify(item.publicKey, item.message, item.signature))
      return
    }
    this.#startThreads()
    for (let at = 0; at < asked.length; at += this.#options.batchMax) this.#post(asked.slice(at, at + this.#options.batchMax))
  }

  #post(part: readonly Asked[]): void {
    const id = this.#next++
    const packed = packItems(part.map(({ item }) => item))
    // While a node replays its ledger nothing else keeps the process alive: without this it would end in the middle, in silence.
    if (this.#waiting.size === 0) for (const worker of this.#workers) worker.ref()
    this.#waiting.set(id, {
      resolve: (verdicts) => part.forEach(({ resolve }, i) => resolve(verdicts[i] === 1)),
      reject: (error) => { for (const { reject } of part) reject(error) },
    })
    this.#workers[id % this.#workers.length]!.postMessage({ id, packed }, [packed.buffer])
  }

  #fail(error: SteleError): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

function verdictKey({ publicKey, message, signature }: SignatureItem): string {
  return sha256Hex(concatBytes(publicKey, signature, message))
}
