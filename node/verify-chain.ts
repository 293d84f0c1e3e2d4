import { invariant } from '../primitives/assert.ts'
import { equalBytes, toHex } from '../primitives/bytes.ts'
import { blockHashOf, decodeBlock, decodeHeader } from '../primitives/block.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { leafHash, MerkleAccumulator } from '../primitives/merkle.ts'
import type { SignatureItem } from '../primitives/signature.ts'
import { signatureItems } from '../primitives/transaction.ts'
import { builtInRegistry, readerOf, ReplayWindow } from '../contracts/index.ts'
import { openWorldState } from '../state/world-state.ts'
import type { Database } from '../state/database.ts'
import type { WorldState } from '../state/world-state.ts'
import { restoreState, snapshotWindow } from './snapshot-restore.ts'
import type { Ground } from './verify-ground.ts'
import { TransactionReader } from './transaction-reader.ts'
import { proposalItem, readBlock } from './block-check.ts'
import type { ReadBlock } from './block-check.ts'
import { nextRules } from './chain-rules.ts'
import type { ChainRules } from './chain-rules.ts'
import type { ExecutedBlock, Tip } from './executed-block.ts'
import { Executor } from './executor.ts'
import type { LogEntry } from './executor.ts'
import { writeGenesisState } from './recover.ts'
import type { VerifierPool } from './verifier.ts'
import { ContentDigests } from './verify-content.ts'
import type { CustodyCheck } from './verify-custody.ts'
import type { IndexComparison } from './verify-index.ts'
import type { ScannedLedger } from './verify-ledger.ts'
import type { VerifyJournal } from './verify-report.ts'
import { openScratch } from './verify-scratch.ts'
import type { Scratch } from './verify-scratch.ts'

/** Entries whose signatures are checked ahead of execution, in one batch of the verifier. */
const AHEAD = 32

export interface ChainResult { readonly checked: number; readonly transactions: number; readonly signatures: number; readonly executedHeight: number; readonly contents: ContentDigests }

interface ReadEntry extends LogEntry { readonly height: number; readonly hash?: Uint8Array }
interface LostEntry { readonly index: number; readonly lost: true }

/**
 * Walks the log from genesis to its end: entry → block → header → hash of the one before, transaction, history, event and state roots, signatures of proposers and of every transaction.
 * All contracts run again, in a world state of its own that starts from genesis, by the same code that nodes run. After the first block that cannot be executed (its entry is lost, or it breaks
 * a rule), the rest is checked for everything but execution. `also`: compares what each block must have left in the database, and what it says this node keeps, when there is something to compare with.
 */
export class ChainCheck {
  readonly #genesis: Genesis
  readonly #rules: ChainRules
  readonly #ledger: ScannedLedger
  readonly #verifier: VerifierPool
  readonly #journal: VerifyJournal
  readonly #index: IndexComparison | undefined
  readonly #custody: CustodyCheck | undefined
  readonly #ground: Ground | undefined
  readonly #contents = new ContentDigests()
  #world: WorldState | undefined
  #executor: Executor | undefined
  #waiting: ExecutedBlock[] = []
  /** The newest block whose bytes were readable; undefined after a lost one. */
  #previous: { readonly height: number; readonly hash: Uint8Array } | undefined
  #checked = 0
  #transactions = 0
  #signatures = 0
  #executedHeight = 0

  /** Last entry whose effects the state that execution begins with holds already. */
  get #groundIndex(): number { return this.#ground === undefined ? 0 : Number(this.#ground.read.manifest.index) }

  constructor(genesis: Genesis, rules: ChainRules, ledger: ScannedLedger, verifier: VerifierPool, journal: VerifyJournal, also: { readonly index: IndexComparison | undefined; readonly custody: CustodyCheck | undefined; readonly ground: Ground | undefined }) {
    this.#genesis = genesis
    this.#rules = rules
    this.#ledger = ledger
    this.#verifier = verifier
    this.#journal = journal
    this.#index = also.index
    this.#custody = also.custody
    this.#ground = also.ground
  }

  async run(signal: AbortSignal | undefined): Promise<ChainResult> {
    const scratch = await openScratch(this.#ledger.segments)
    try {
      await this.#begin(scratch)
      await this.#walk(signal)
    } finally {
      await this.#world?.close()
      await scratch.remove()
    }
    return { checked: this.#checked, transactions: this.#transactions, signatures: this.#signatures, executedHeight: this.#executedHeight, contents: this.#contents }
  }

  async #walk(signal: AbortSignal | undefined): Promise<void> {
    const { index } = this.#ledger.image.state
    for (let from = index.firstIndex; from <= index.lastIndex; from += AHEAD) {
      signal?.throwIfAborted()
      const entries = Array.from({ length: Math.min(AHEAD, index.lastIndex + 1 - from) }, (_, i) => this.#read(from + i))
      await Promise.all(entries.map((entry) => this.#prepare(entry)))
      for (const entry of entries) this.#check(entry)
      await this.#flush(from + entries.length - 1)
      this.#journal.progress('chain', from + entries.length - 1, index.lastIndex)
    }
  }

  async #begin({ database }: Scratch): Promise<void> {
    const { chain } = this.#rules
    if (this.#ledger.image.state.index.base.index > 0) return this.#beginAbove(database)
    const world = openWorldState(database, { chain, sync: false })
    this.#world = world
    await writeGenesisState(world, this.#genesis, chain)
    const history = new MerkleAccumulator()
    history.appendHash(leafHash(chain))
    this.#previous = { height: 0, hash: chain }
    this.#executor = this.#createExecutor(world, new ReplayWindow(), { height: 0, hash: chain, timeMs: this.#genesis.timeMs, history, layer: undefined, window: undefined, rules: nextRules(chain, readerOf(world.view())) }, 0)
  }

  /** The first blocks are not kept here: what they left is in a snapshot, which was proved, and execution goes on from it. */
  async #beginAbove(database: Database): Promise<void> {
    const ground = this.#ground
    if (ground === undefined) {
      await database.close()
      return this.#journal.skip('chain', 'no snapshot is left that the first kept block goes on from: blocks are checked for their links, transaction roots and signatures, not executed')
    }
    const { read: { manifest, block, header }, folder } = ground
    const height = Number(manifest.height)
    const world = await restoreState(database, folder, height, this.#rules.limits.lifetimeMsMax, undefined)
    this.#world = world
    this.#rules.load(readerOf(world.view()))
    const window = new ReplayWindow()
    window.restore(await snapshotWindow(folder, height))
    const history = MerkleAccumulator.restore(height, manifest.peaks)
    history.appendHash(leafHash(block))
    this.#executor = this.#createExecutor(world, window, { height, hash: block, timeMs: header.timeMs, history, layer: undefined, window: undefined, rules: nextRules(manifest.chain, readerOf(world.view())) }, Number(manifest.index))
    this.#journal.skip('chain', `execution begins above height ${height}, with a snapshot that a certificate covers: the blocks before are not kept here`)
  }

  #createExecutor(world: WorldState, window: ReplayWindow, tip: Tip, appliedIndex: number): Executor {
    const { chain } = this.#rules
    const sign = (): never => {
      invariant(false, 'verification signs nothing')
    }
    const signer = { publicKey: new Uint8Array(32), sign }
    return new Executor({ chain, node: 0, signer }, {
      world, window, registry: builtInRegistry(), reader: new TransactionReader(chain, (items) => this.#verifier.verifyBatch(items)), knows: (item) => this.#verifier.knows(item), verifyBatch: (items) => this.#verifier.verifyBatch(items),
    }, tip, appliedIndex)
  }

  /** The proposer's signature under each key it had as a voter: which one it must be, execution tells. */
  #proposals(read: ReadBlock): SignatureItem[] {
    return this.#rules.keysOf(read.header.proposer).map((key) => proposalItem(read, key))
  }

  /** The entry at `index`, its bytes checked once more; undefined when it is lost. */
  #read(index: number): ReadEntry | LostEntry {
    const { state } = this.#ledger.image
    if (state.index.isHole(index)) return { index, lost: true }
    const place = state.index.location(index)
    const record = this.#ledger.reader.read(place, place.dataBytes + 512)
    if (record.type !== 'entry' || record.entry.index !== index) throw new SteleError({ code: 'LEDGER_DAMAGED', message: 'the ledger changed while it was verified', details: { index } })
    return record.entry
  }

  /** Signatures of an entry, in a batch; positive verdicts are remembered by the verifier. */
  async #prepare(entry: ReadEntry | LostEntry): Promise<void> {
    if ('lost' in entry || entry.data.length === 0) return
    try {
      if (this.#executor !== undefined) await this.#executor.prepare(entry)
      else {
        const read = readBlock(entry.data, this.#rules.chain)
        await this.#verifier.verifyBatch([...this.#proposals(read), ...read.transactions.flatMap(signatureItems)])
      }
    } catch (error) {
      if (!(error instanceof SteleError)) throw error // What is wrong with the block is found again when it is checked.
    }
  }

  #check(entry: ReadEntry | LostEntry): void {
    if ('lost' in entry) {
      this.#stopExecuting(`entry ${entry.index} is lost`)
      this.#previous = undefined
      return
    }
    if (this.#executor === undefined || entry.index <= this.#groundIndex) return this.#checkAlone(entry, false)
    const refused = this.#executor.execute(entry)
    if (refused !== undefined) {
      this.#refuse(entry, refused.code, refused.error)
      return this.#checkAlone(entry, true)
    }
    const block = this.#executor.take(entry)
    if (block === undefined) return // A no-op, which opens a term and holds nothing.
    this.#rules.follow(block)
    this.#waiting.push(block)
    this.#index?.compare(block)
    this.#custody?.check(block)
    this.#executedHeight = block.height
    this.#count(entry, block.header, block.hash, block.transactions.length)
  }

  /** A refused entry at the log's end is what a node keeps of a leader that erred: this node never acknowledged it. */
  #refuse({ index, height }: ReadEntry, code: string, { message, details }: SteleError): void {
    const { refusals, hardState } = this.#ledger.image.state
    const known = refusals.get(index)
    if (known !== undefined && index > hardState.commit) this.#journal.skip('chain', `entry ${index} was refused by this node (${known.code}) and never acknowledged; it and what follows is not checked further`)
    else this.#journal.find({ part: 'chain', code, rule: typeof details['rule'] === 'string' ? details['rule'] : message, height, index, details })
    this.#stopExecuting(`block ${height} (entry ${index}) could not be executed`)
  }

  #stopExecuting(why: string): void {
    if (this.#executor === undefined) return
    this.#executor = undefined
    this.#index?.abandon()
    this.#journal.skip('chain', `${why}: later blocks are checked for their links, transaction roots and signatures, not executed`)
  }

  /** Everything about a block that needs no state. `reported`: what is wrong with it was told already. */
  #checkAlone(entry: ReadEntry, reported: boolean): void {
    if (entry.data.length === 0) return
    const find = (code: string, rule: string, details: Readonly<Record<string, unknown>> = {}): void => {
      if (!reported) this.#journal.find({ part: 'chain', code, rule, height: entry.height, index: entry.index, details })
    }
    try {
      const read = readBlock(entry.data, this.#rules.chain)
      const { envelope, header, transactions } = read
      const hash = blockHashOf(this.#rules.chain, envelope.header)
      const height = Number(header.height)
      const before = this.#previous
      if (before !== undefined && (height !== before.height + 1 || !equalBytes(header.parent, before.hash))) find('BLOCK_INVALID', 'the parent is the block before', { parent: toHex(header.parent), expected: toHex(before.hash) })
      if (header.term !== entry.term) find('BLOCK_INVALID', 'the header\'s term is its entry\'s')
      const proposed = this.#proposals(read).some((item) => this.#verifier.knows(item))
      if (!proposed || !transactions.flatMap(signatureItems).every((item) => this.#verifier.knows(item))) find('BLOCK_INVALID', 'every signature verifies')
      this.#count(entry, header, hash, transactions.length)
    } catch (error) {
      if (!(error instanceof SteleError)) throw error
      find(error.code, typeof error.details['rule'] === 'string' ? error.details['rule'] : error.message, error.details)
      this.#previous = undefined
    }
  }

  #count(entry: ReadEntry, header: BlockHeader, hash: Uint8Array, transactions: number): void {
    const height = Number(header.height)
    const labelled = entry.hash === undefined || equalBytes(entry.hash, hash)
    if (entry.height !== height || !labelled) {
      this.#journal.find({ part: 'chain', code: 'LEDGER_DAMAGED', rule: 'the record names the height and hash of its block', height, index: entry.index })
    }
    this.#contents.add({ v: 1, epoch: header.epoch, height: header.height, term: header.term, block: hash, stateRoot: header.stateRoot, memberSet: header.memberSet })
    this.#previous = { height, hash }
    this.#checked++
    this.#transactions += transactions
    this.#signatures += transactions + 1
  }

  async #flush(appliedIndex: number): Promise<void> {
    const blocks = this.#waiting
    const last = blocks.at(-1)
    if (last === undefined || this.#world === undefined) return
    this.#waiting = []
    await this.#world.flush(blocks.map(({ layer }) => layer), { height: last.height, appliedIndex, blockHash: last.hash })
    for (const { window, header } of blocks) window.flush(header.timeMs)
  }
}

/** Header and hash of the block at a height, read from the ledger; undefined when the ledger does not hold it, or holds something else there (then the chain's findings say so). */
export function blockAt(ledger: ScannedLedger, chain: Uint8Array, height: number): { readonly header: BlockHeader; readonly hash: Uint8Array; readonly index: number; readonly term: number } | undefined {
  const { index: log } = ledger.image.state
  const index = log.indexOfHeight(height)
  if (index === undefined || log.isHole(index)) return undefined
  const place = log.location(index)
  const record = ledger.reader.read(place, place.dataBytes + 512)
  if (record.type !== 'entry') return undefined
  try {
    const { header } = decodeBlock(record.entry.data)
    return { header: decodeHeader(header), hash: blockHashOf(chain, header), index, term: record.entry.term }
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') !== true) throw error
    return undefined
  }
}
