import { equalBytes, toHex } from '../primitives/bytes.ts'
import { blockHashOf, decodeBlock, decodeHeader } from '../primitives/block.ts'
import type { BlockEnvelope, BlockHeader } from '../primitives/block.ts'
import { certificateSchema } from '../primitives/certificate.ts'
import type { Certificate } from '../primitives/certificate.ts'
import { decode } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import type { MemberPeriod, MemberSetLink } from '../primitives/member-history.ts'
import { inclusionPath, inclusionPathOf } from '../primitives/merkle.ts'
import type { Finality, ReceiptBundle } from '../primitives/receipt.ts'
import { recoveryIn } from './block-check.ts'
import { historySubtree } from './block-index.ts'
import { findReceipt, findTransaction, receiptsOf } from '../state/indexes.ts'
import type { Location } from '../state/keyspace.ts'
import type { ArchiveShelf } from './archive-shelf.ts'
import type { Ledger } from '../state/ledger.ts'
import type { WorldState } from '../state/world-state.ts'

/** A block as stored: the envelope, its header decoded, its hash. */
export interface StoredBlock { readonly height: number; readonly hash: Uint8Array; readonly header: BlockHeader; readonly envelope: BlockEnvelope }

/** Decoded blocks kept; committed blocks never change. */
const RECENT_BLOCKS_MAX = 8

/** Reads committed blocks, receipts and the proofs around them from ledger and database. Answers stand at the durable height (`height`). */
export class ChainStore {
  readonly #chain: Uint8Array
  readonly #ledger: Ledger
  readonly #world: WorldState
  readonly #archive: Pick<ArchiveShelf, 'block'> | undefined
  readonly #recent = new Map<number, StoredBlock>()

  constructor(chain: Uint8Array, ledger: Ledger, world: WorldState, archive?: Pick<ArchiveShelf, 'block'>) {
    this.#archive = archive
    this.#chain = chain
    this.#ledger = ledger
    this.#world = world
  }

  /** Height that state and indexes stand at. */
  get height(): number { return this.#world.height }

  /** Lowest height whose block and receipts are kept; what lies below was pruned, or came before the snapshot that this node began with. */
  get floor(): number { return Math.max(this.#ledger.firstHeight(), this.#world.floor) }

  /** Height up to which blocks are final and their proofs can be given. */
  get finalHeight(): number {
    return Math.min(this.#ledger.newestCertificate()?.height ?? 0, this.#world.height)
  }

  /** As `#read`, remembering the newest looked at: heads and proofs ask for the same few again and again. */
  block(height: number): StoredBlock | undefined {
    const known = this.#recent.get(height)
    if (known !== undefined) return known
    const block = this.#read(height)
    if (block === undefined) return undefined
    this.#recent.set(height, block)
    if (this.#recent.size > RECENT_BLOCKS_MAX) this.#recent.delete(this.#recent.keys().next().value!)
    return block
  }

  /** The committed block at a height; undefined above the durable height and for 0 (genesis has no block). */
  #read(height: number): StoredBlock | undefined {
    if (height < 1 || height > this.#world.height) return undefined
    const envelope = decodeBlock(this.data(height))
    return { height, hash: blockHashOf(this.#chain, envelope.header), header: decodeHeader(envelope.header), envelope }
  }

  /** Bytes of the block as they stand in the log; 1 ≤ `height` ≤ the durable height. Looks into archives for what is not kept any more; `BLOCK_PRUNED`. */
  data(height: number): Uint8Array {
    if (height < this.floor) {
      const archived = this.#archive?.block(height)
      if (archived !== undefined) return archived.data
    }
    this.#mustKeep(height)
    const index = this.#ledger.indexOfHeight(height)
    const entry = index === undefined ? undefined : this.#ledger.entry(index)
    if (entry === undefined) throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'a committed block is missing from the ledger', details: { height } })
    return entry.data
  }

  /** Whether the block at a committed height and its receipts are to be had here, from the ledger or an archive. */
  keeps(height: number): boolean {
    return height >= this.floor || this.#archive?.block(height) !== undefined
  }

  /** Throws `BLOCK_PRUNED`. */
  #mustKeep(height: number): void {
    const { floor } = this
    if (height < floor) throw new SteleError({ code: 'BLOCK_PRUNED', message: 'this node no longer keeps the block; ask a member that does, or an archive', details: { height, firstHeight: floor } })
  }

  locate(transaction: Uint8Array): Location | undefined {
    return findTransaction(this.#world.rows(), transaction)
  }

  /** `BLOCK_PRUNED` when the receipt was here once. */
  receipt(location: Location): Uint8Array | undefined {
    const archived = location.height < this.floor ? this.#archive?.block(location.height)?.receipts[location.position] : undefined
    if (archived !== undefined) return archived
    this.#mustKeep(location.height)
    return findReceipt(this.#world.rows(), location)
  }

  receipts(height: number): Promise<readonly Uint8Array[]> {
    if (height < this.floor) return Promise.resolve(this.#archive?.block(height)?.receipts ?? [])
    return receiptsOf(this.#world.rows(), height)
  }

  /** Proof that the block at `height` is final: the oldest certificate at or above it, with the path from its header's history. Undefined until there is one. */
  finality(height: number): Finality | undefined {
    const covering = this.certifiedAt(height)
    if (covering === undefined) return undefined
    const { certificate, block } = covering
    if (block.height !== height && height < this.floor && !this.#hasHistory(height, block.height)) return undefined
    return { certificate, descendant: block.height === height ? null : { header: block.envelope.header, path: this.historyPath(height, block.height) } }
  }

  /** The oldest certificate at or above `height` whose block is to be had here, with that block. Undefined until there is one. */
  certifiedAt(height: number): { readonly certificate: Certificate; readonly block: StoredBlock } | undefined {
    if (height < 1 || height > this.finalHeight) return undefined
    if (this.#archive?.block(height) === undefined) this.#mustKeep(height)
    let stored = this.#ledger.certificateCovering(height)
    // Files go as a whole: a certificate may lie in one that is left, while its block is below what is kept.
    if (stored !== undefined && !this.keeps(stored.height)) stored = this.#ledger.certificateCovering(this.floor)
    if (stored === undefined || stored.height > this.#world.height) return undefined
    const certificate = decode(certificateSchema, stored.bytes)
    const block = this.block(stored.height)!
    if (!equalBytes(block.hash, certificate.content.block)) {
      throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'a stored certificate names another block', details: { height: stored.height, block: toHex(block.hash) } })
    }
    return { certificate, block }
  }

  /** A node that began with a snapshot has no paths for the blocks before it, though an archive may have brought their bodies. */
  #hasHistory(height: number, descendant: number): boolean {
    try {
      this.historyPath(height, descendant)
      return true
    } catch (error) {
      if (errorCode(error) !== 'STATE_DAMAGED') throw error
      return false
    }
  }

  /** Inclusion path of the block at `height` in the history of a later one at `descendant`. */
  historyPath(height: number, descendant: number): Uint8Array[] {
    return inclusionPathOf(height, descendant, historySubtree(this.#world.rows()))
  }

  /**
   * The steps from the genesis set to the set of `periods` that is in force at `height`, each with the certificate of its own voters. Shorter while the newest
   * change is not final.
   */
  memberSetLinks(periods: readonly MemberPeriod[], height: number = this.finalHeight): MemberSetLink[] {
    const links: MemberSetLink[] = []
    for (const { from, set } of periods.slice(1)) {
      const at = Number(from) - 1
      const opening = this.block(at + 1)
      const recovery = opening === undefined ? undefined : recoveryIn(opening.envelope, opening.header)
      if (recovery !== undefined) {
        links.push({ kind: 'recovery', value: recovery })
        continue
      }
      const stored = at < height ? this.#ledger.certificateCovering(at) : undefined
      const block = this.block(at)
      if (stored?.height !== at || block === undefined) break
      links.push({ kind: 'change', value: { header: block.envelope.header, certificate: decode(certificateSchema, stored.bytes), set } })
    }
    return links
  }

  /** Everything that proves a receipt offline; undefined until its block is final. */
  async receiptBundle({ height, position }: Location): Promise<ReceiptBundle | undefined> {
    const finality = this.finality(height)
    const block = this.block(height)
    if (finality === undefined || block === undefined) return undefined
    const receipts = await this.receipts(height)
    const receipt = receipts[position]
    if (receipt === undefined) throw new SteleError({ code: 'STATE_DAMAGED', message: 'a receipt of a committed block is missing', details: { height, position } })
    return { v: 1, chain: this.#chain, height: BigInt(height), position, receipt, path: inclusionPath(position, receipts), header: block.envelope.header, finality }
  }
}
