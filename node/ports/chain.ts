import { memberSetLink } from '../../primitives/member-history.ts'
import { fromHex, maybeFromHex, toHex } from '../../primitives/bytes.ts'
import { encode } from '../../primitives/codec.ts'
import { SteleError } from '../../primitives/error.ts'
import { genesisSchema } from '../../primitives/genesis.ts'
import { certificateQuorum } from '../../primitives/member-set.ts'
import { finalitySchema } from '../../primitives/receipt.ts'
import { stateBundle, stateBundles } from '../../primitives/state-bundle.ts'
import type { StateBundles } from '../../primitives/state-bundle.ts'
import { findHeight } from '../../state/indexes.ts'
import { readerOf } from '../../contracts/index.ts'
import type { BlockSelector, Caller, ChainReader } from '../../rpc/ports.ts'
import type { Block, BlockSummary, ChainHead, ChainInfo, ProofBundleText, StateProof, StateProofs, MemberLinks } from '../../rpc/shapes/chain.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { consents } from '../../contracts/consent/tables.ts'
import { members } from '../../contracts/membership/tables.ts'
import { records } from '../../contracts/records/tables.ts'
import type { StoredBlock } from '../chain-store.ts'
import type { SteleNode } from '../stele-node.ts'
import { VERSIONS } from '../version.ts'
import type { Head } from './head.ts'
import { bundleOf, certifiedAt } from './proof-bundle.ts'
import type { BundleQuery } from './proof-bundle.ts'
import { mayProve } from './proof-rights.ts'

/** Bytes of values and paths in a proof of several keys, and what a path takes at most in a tree of practical size. */
const PROOFS_BYTES = 768 * 1024
const PATH_BYTES = 2 * 1024

/** Reads blocks, heads and state proofs. */
export class NodeChain implements ChainReader {
  readonly #node: SteleNode
  readonly #head: Head

  constructor(node: SteleNode, head: Head) {
    this.#node = node
    this.#head = head
  }

  info(): Promise<ChainInfo> {
    const { genesis, rules } = this.#node.parts
    return Promise.resolve({
      chain: toHex(rules.chain), epoch: rules.members.epoch, genesis: toHex(encode(genesisSchema, genesis)), versions: VERSIONS,
      members: genesis.members.length, nodes: rules.members.voters.length, certificateQuorum: certificateQuorum(rules.members.voters.length), asOf: this.#head.asOf,
    })
  }

  head(): ChainHead {
    const { store, rules } = this.#node.parts
    const height = store.finalHeight
    return { committed: this.#summaryAt(store.height), final: { height, hash: toHex(store.block(height)?.hash ?? rules.chain) }, asOf: this.#head.asOf }
  }

  async block(selector: BlockSelector, bodies: boolean): Promise<Block> {
    const { store } = this.#node.parts
    const height = this.#heightOf(selector)
    const stored = store.block(height)
    if (stored === undefined) throw new SteleError({ code: 'RPC_NOT_FOUND', message: 'there is no committed block like that' })
    const finality = store.finality(height)
    return {
      summary: this.#summary(stored), header: toHex(stored.envelope.header), signature: toHex(stored.envelope.signature),
      finality: finality === undefined ? null : toHex(encode(finalitySchema, finality)),
      transactions: bodies ? stored.envelope.transactions.map(toHex) : null, receipts: bodies ? (await store.receipts(height)).map(toHex) : null, asOf: this.#head.asOf,
    }
  }

  async proof({ key, atHeight }: { readonly key: string; readonly atHeight: number | null }, caller: Caller): Promise<StateProof> {
    const { world, store, genesis } = this.#node.parts
    if (!mayProve(readerOf(world.view()), fromHex(key), caller)) throw new SteleError({ code: 'RPC_NOT_FOUND', message: 'there is no such thing, or it is not for the caller to know' })
    if (atHeight !== null && atHeight !== store.height) {
      throw new SteleError({ code: 'PROOF_HEIGHT_UNAVAILABLE', message: 'state proofs are given at the newest height only in this version', details: { atHeight, newest: store.height, interval: genesis.parameters.proofInterval } })
    }
    // Taken together, before anything is awaited: value, proof and header belong to one height.
    const height = store.height
    const keyBytes = fromHex(key)
    const { value, proof } = world.view().prove(keyBytes)
    const stored = store.block(height)
    if (stored === undefined) throw new SteleError({ code: 'RPC_UNAVAILABLE', message: 'no block has been committed yet', retryable: true })
    await certifiedAt(store, height)
    const finality = store.finality(height)!
    return {
      key, value: value === undefined ? null : toHex(value), presence: value === undefined ? 'absent' : 'present', height,
      proof: toHex(encode(stateBundle, { v: 1, chain: this.#node.parts.rules.chain, key: keyBytes, value: value ?? null, header: stored.envelope.header, finality, proof })), asOf: this.#head.asOf,
    }
  }

  async proofs(keys: readonly string[], caller: Caller): Promise<StateProofs> {
    if (caller.kind !== 'institution') throw new SteleError({ code: 'RPC_FORBIDDEN', message: 'proofs of several keys are for institutions' })
    const { world, store, rules } = this.#node.parts
    const reader = readerOf(world.view())
    if (!keys.every((key) => mayProve(reader, fromHex(key), caller))) throw new SteleError({ code: 'RPC_FORBIDDEN', message: 'one of the keys is not for the caller to know' })
    // Taken together, before anything is awaited: values, proofs and header belong to one height.
    const height = store.height
    const stored = store.block(height)
    if (stored === undefined) throw new SteleError({ code: 'RPC_UNAVAILABLE', message: 'no block has been committed yet', retryable: true })
    const view = world.view()
    const entries: StateBundles['entries'] = []
    for (let bytes = 0; entries.length < keys.length && bytes < PROOFS_BYTES; ) {
      const key = fromHex(keys[entries.length]!)
      const { value, proof } = view.prove(key)
      // The first entry is given whatever its size; a further one only if it fits.
      bytes += (value?.length ?? 0) + PATH_BYTES
      if (entries.length > 0 && bytes > PROOFS_BYTES) break
      entries.push({ key, value: value ?? null, proof })
    }
    await certifiedAt(store, height)
    const finality = store.finality(height)!
    return { height, proven: entries.length, proof: toHex(encode(stateBundles, { v: 1, chain: rules.chain, header: stored.envelope.header, finality, entries })), asOf: this.#head.asOf }
  }

  memberLinks(): MemberLinks {
    const { store, rules } = this.#node.parts
    return { links: store.memberSetLinks(rules.periods).map((link) => toHex(encode(memberSetLink, link))), asOf: this.#head.asOf }
  }

  async bundle(query: BundleQuery, caller: Caller | undefined): Promise<ProofBundleText> {
    const { text, certified } = await bundleOf(this.#node, query, caller)
    return { bundle: text, certified, asOf: this.#head.asOf }
  }

  keyOf({ kind, id }: { readonly kind: 'account' | 'consent' | 'record' | 'member'; readonly id: string }): string {
    if (kind === 'member') return toHex(members.keyOf(Number(id)))
    const bytesOfId = maybeFromHex(id)
    if (bytesOfId?.length !== 32) throw new SteleError({ code: 'RPC_PARAMS_INVALID', message: 'the id is not 32 bytes of hex' })
    return toHex({ account: accounts, consent: consents, record: records }[kind].keyOf(bytesOfId))
  }

  #summaryAt(height: number): BlockSummary {
    const stored = this.#node.parts.store.block(height)
    return stored === undefined ? this.#genesisSummary() : this.#summary(stored)
  }

  #summary({ height, hash, header, envelope }: StoredBlock): BlockSummary {
    return {
      height, hash: toHex(hash), parent: toHex(header.parent), term: header.term, epoch: header.epoch, timeMs: Number(header.timeMs), proposer: header.proposer,
      transactions: envelope.transactions.length, stateRoot: toHex(header.stateRoot), txRoot: toHex(header.txRoot), eventRoot: toHex(header.eventRoot), final: height <= this.#node.parts.store.finalHeight,
    }
  }

  /** Height 0 has no block; it stands for genesis. */
  #genesisSummary(): BlockSummary {
    const { rules, genesis } = this.#node.parts
    const none = '00'.repeat(32)
    return { height: 0, hash: toHex(rules.chain), parent: none, term: 0, epoch: rules.members.epoch, timeMs: Number(genesis.timeMs), proposer: null, transactions: 0, stateRoot: none, txRoot: none, eventRoot: none, final: true }
  }

  #heightOf(selector: BlockSelector): number {
    const { store, world } = this.#node.parts
    if (selector === 'committed') return store.height
    if (selector === 'final') return store.finalHeight
    if ('height' in selector) return selector.height
    return findHeight(world.rows(), fromHex(selector.hash)) ?? -1
  }
}
