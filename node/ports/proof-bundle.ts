import { fromHex, toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { inclusionPath } from '../../primitives/merkle.ts'
import { encodeProofText } from '../../primitives/proof-bundle.ts'
import type { ProofBundle } from '../../primitives/proof-bundle.ts'
import { readerOf } from '../../contracts/index.ts'
import type { Caller } from '../../rpc/ports.ts'
import { findHeight } from '../../state/indexes.ts'
import type { Location } from '../../state/keyspace.ts'
import type { ChainStore, StoredBlock } from '../chain-store.ts'
import type { SteleNode } from '../stele-node.ts'
import { mayProve } from './proof-rights.ts'

/** How long a proof waits for the block it shows to become final, in ms, and how often it looks. */
const FINAL_WAIT_MS = 5_000
const FINAL_POLL_MS = 20

export interface BundleQuery { readonly transaction: string | null; readonly key: string | null; readonly checkpoint: string | null }

/** Waits until a block is final. Throws `RPC_UNAVAILABLE` (retryable) when that takes too long. */
export async function certifiedAt(store: ChainStore, height: number): Promise<NonNullable<ReturnType<ChainStore['certifiedAt']>>> {
  const deadline = performance.now() + FINAL_WAIT_MS
  for (;;) {
    const certified = store.certifiedAt(height)
    if (certified !== undefined) return certified
    if (performance.now() > deadline) throw new SteleError({ code: 'RPC_UNAVAILABLE', message: 'the newest block is not final yet', details: { height }, retryable: true })
    await new Promise((resolve) => setTimeout(resolve, FINAL_POLL_MS))
  }
}

/** Puts together everything that proves a transaction or a state key offline. Throws `RPC_NOT_FOUND` or `RPC_UNAVAILABLE`. */
export async function bundleOf(node: SteleNode, query: BundleQuery, caller: Caller | undefined): Promise<{ readonly text: string; readonly certified: number }> {
  const { store, rules } = node.parts
  const location = query.transaction === null ? null : await locate(node, query.transaction)
  // Value, proof and height are taken in one turn: they belong to one state.
  const state = query.key === null ? null : stateAt(node, query.key, caller)
  const pinned = query.checkpoint === null ? null : blockWithHash(node, query.checkpoint)
  const { certificate, block } = await certifiedAt(store, Math.max(location?.height ?? 0, state?.height ?? 0, pinned?.height ?? 0))
  const earlier = (height: number): { readonly header: Uint8Array; readonly path: Uint8Array[] } | null =>
    height === block.height ? null : { header: store.block(height)!.envelope.header, path: store.historyPath(height, block.height) }
  const bundle: ProofBundle = {
    v: 1, chain: rules.chain, links: pinned === null ? store.memberSetLinks(rules.periods, block.height) : linksFrom(node, pinned.height, block.height), certified: { header: block.envelope.header, certificate },
    start: pinned === null ? null : { header: pinned.envelope.header, set: rules.membersAt(pinned.height), path: earlier(pinned.height)?.path ?? [] },
    receipt: location === null ? null : { block: earlier(location.height), ...await receiptAt(store, location) },
    state: state === null ? null : { block: earlier(state.height), key: state.key, value: state.value, proof: state.proof },
  }
  return { text: encodeProofText(bundle), certified: block.height }
}

/** The changes of members above a pinned block. */
function linksFrom({ parts: { store, rules } }: SteleNode, pinned: number, height: number): ReturnType<ChainStore['memberSetLinks']> {
  const before = rules.changeHeights.filter((at) => at < pinned).length
  return store.memberSetLinks(rules.periods, height).slice(before)
}

function notFound(what: string): never {
  throw new SteleError({ code: 'RPC_NOT_FOUND', message: what })
}

async function locate({ parts: { store, book, applier } }: SteleNode, id: string): Promise<Location> {
  const seen = book.get(id)
  if (seen !== undefined && 'height' in seen && seen.status !== 'included') await applier.reached(seen.height)
  return store.locate(fromHex(id)) ?? notFound('no committed block holds this transaction')
}

async function receiptAt(store: ChainStore, { height, position }: Location): Promise<{ readonly receipt: Uint8Array; readonly position: number; readonly path: Uint8Array[] }> {
  const receipts = await store.receipts(height)
  const receipt = receipts[position]
  if (receipt === undefined) throw new SteleError({ code: 'STATE_DAMAGED', message: 'a receipt of a committed block is missing', details: { height, position } })
  return { receipt, position, path: inclusionPath(position, receipts) }
}

function stateAt({ parts: { world, store } }: SteleNode, hex: string, caller: Caller | undefined): { readonly height: number; readonly key: Uint8Array; readonly value: Uint8Array | null; readonly proof: NonNullable<ProofBundle['state']>['proof'] } {
  const key = fromHex(hex)
  const view = world.view()
  if (caller === undefined || !mayProve(readerOf(view), key, caller)) notFound('there is no such thing, or it is not for the caller to know')
  if (store.height === 0) throw new SteleError({ code: 'RPC_UNAVAILABLE', message: 'no block has been committed yet', retryable: true })
  const { value, proof } = view.prove(key)
  return { height: store.height, key, value: value ?? null, proof }
}

function blockWithHash({ parts: { world, store } }: SteleNode, hash: string): StoredBlock {
  const height = findHeight(world.rows(), fromHex(hash))
  const block = height === undefined ? undefined : store.block(height)
  return block !== undefined && toHex(block.hash) === hash ? block : notFound('there is no committed block with the hash of the checkpoint')
}
