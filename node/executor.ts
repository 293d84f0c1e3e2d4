import { toHex, equalBytes } from '../primitives/bytes.ts'
import { blockHashOf, encodeBlock, encodeHeader, headerSigningBytes } from '../primitives/block.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { encode, encodeAll } from '../primitives/codec.ts'
import { invariant } from '../primitives/assert.ts'
import { SteleError } from '../primitives/error.ts'
import { activationRoot } from '../primitives/member-history.ts'
import { leafHash, merkleRoot } from '../primitives/merkle.ts'
import { memberSetHash } from '../primitives/member-set.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import { signedRecovery, verifyRecovery } from '../primitives/recovery.ts'
import type { SignedRecovery } from '../primitives/recovery.ts'
import { receiptSchema } from '../primitives/receipt.ts'
import type { Receipt } from '../primitives/receipt.ts'
import { verify } from '../primitives/signature.ts'
import type { SignatureItem, Signer } from '../primitives/signature.ts'
import { signatureItems } from '../primitives/transaction.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { executeActivation, executeBlock, executeRecovery, proofsOf, proposeBlock } from '../contracts/runtime/execute.ts'
import type { BlockOutcome, VoterChange } from '../contracts/index.ts'
import type { AuthorisationCode } from '../contracts/runtime/codes.ts'
import type { ExecutionBlock } from '../contracts/index.ts'
import type { Registry } from '../contracts/runtime/registry.ts'
import type { ReplayWindow, WindowLayer } from '../contracts/runtime/replay-window.ts'
import { readerOf } from '../contracts/runtime/table.ts'
import type { Layer, TransactionStore } from '../state/overlay.ts'
import type { WorldState } from '../state/world-state.ts'
import { checkHeader, openBlock, proposalItem, proposerKey, readOpened } from './block-check.ts'
import type { OpenedBlock, ReadBlock } from './block-check.ts'
import { nextRules } from './chain-rules.ts'
import { tracing } from './trace.ts'
import type { TracedWrite } from './trace.ts'
import type { NextRules } from './chain-rules.ts'
import type { ExecutedBlock, Tip } from './executed-block.ts'
import type { TransactionReader } from './transaction-reader.ts'

export interface ExecutorPorts {
  readonly world: WorldState
  readonly window: ReplayWindow
  readonly registry: Registry
  readonly reader: TransactionReader
  readonly knows: (item: SignatureItem) => boolean
  readonly verifyBatch: (items: readonly SignatureItem[]) => Promise<boolean[]>
}

export interface ExecutorOptions { readonly chain: Uint8Array; readonly node: number; readonly signer: Signer; readonly recovery?: SignedRecovery | undefined }

/** An entry as the log hands it over, in the words of consensus or of the ledger. A `reconfiguration` (`change`) carries an activation block. */
export interface LogEntry { readonly index: number; readonly term: number; readonly kind?: 'noop' | 'block' | 'reconfiguration' | 'normal' | 'change'; readonly data: Uint8Array }

/** Why this node will not vouch for an entry. `root`: the state root it got itself, or zeros when it never came so far. */
export interface Refused { readonly code: string; readonly root: Uint8Array; readonly error: SteleError }

/** What executing a block came to. `set` and `changes` for activations and recoveries only. */
interface Outcome { readonly receipts: readonly Receipt[]; readonly set?: MemberSet; readonly changes?: readonly VoterChange[] }

const NO_ROOT = new Uint8Array(32)

/**
 * Executes blocks on top of each other ahead of their commit (execute, then order). Layers above the newest committed block live in
 * memory only and are dropped in the same step in which the log is truncated. Calls are made one at a time, in log order.
 */
export class Executor {
  readonly #options: ExecutorOptions
  readonly #ports: ExecutorPorts
  /** Executed and not yet taken by `take`, ascending by index. */
  readonly #blocks: ExecutedBlock[] = []
  /** Entries are opened once, when the log takes them; a node that is behind takes thousands of transactions ahead of those it executes. */
  readonly #opened = new WeakMap<Uint8Array, OpenedBlock>()
  /** Their transactions are decoded once: before execution, for their signatures. */
  readonly #read = new WeakMap<Uint8Array, ReadBlock>()
  #base: Tip
  #executedIndex: number
  readonly #recovery: SignedRecovery | undefined

  /** `base`: what the durable state stands at; `appliedIndex`: the entry it has applied. */
  constructor(options: ExecutorOptions, ports: ExecutorPorts, base: Tip, appliedIndex: number) {
    this.#options = options
    this.#recovery = options.recovery
    this.#ports = ports
    this.#base = base
    this.#executedIndex = appliedIndex
  }

  /** Index of the newest executed entry, no-ops included. */
  get executedIndex(): number { return this.#executedIndex }

  get tip(): Tip {
    const last = this.#blocks.at(-1)
    return last === undefined ? this.#base : { height: last.height, hash: last.hash, timeMs: last.header.timeMs, history: last.history, layer: last.layer, window: last.window, rules: last.rules }
  }

  /** Signatures of an entry's transactions and of its header, checked in batches ahead of execution; positive verdicts are remembered by the verifier. `isPast`: the block is old, so that nobody sends its transactions any more. */
  async prepare(entry: LogEntry, isPast: (header: BlockHeader) => boolean = () => false): Promise<BlockHeader | undefined> {
    if (entry.data.length === 0) return undefined
    const read = this.#readOnce(entry.data, isPast)
    const { header, transactions } = read
    // Blocks before this one may change the voters; then execution verifies the proposer under the right key.
    const key = this.tip.rules.members.voters.find(({ node }) => node === header.proposer)?.attestationKey
    await Promise.all([...(key === undefined ? [] : [this.#ports.verifyBatch([proposalItem(read, key)])]), this.#ports.reader.verify(transactions)])
    return header
  }

  /** Height and hash an entry claims, before anything is checked; undefined for a no-op and for what is not a block. */
  describe(data: Uint8Array): { readonly height: number; readonly hash: Uint8Array } | undefined {
    if (data.length === 0) return undefined
    try {
      const { envelope, header } = this.#openOnce(data)
      return { height: Number(header.height), hash: blockHashOf(this.#options.chain, envelope.header) }
    } catch {
      return undefined // Execution finds the fault again and refuses the entry with its code.
    }
  }

  #openOnce(data: Uint8Array): OpenedBlock {
    let opened = this.#opened.get(data)
    if (opened === undefined) this.#opened.set(data, (opened = openBlock(data, this.#options.chain)))
    return opened
  }

  #readOnce(data: Uint8Array, isPast: (header: BlockHeader) => boolean = () => false): ReadBlock {
    let read = this.#read.get(data)
    if (read === undefined) {
      const opened = this.#openOnce(data)
      const { reader } = this.#ports
      const past = isPast(opened.header)
      this.#read.set(data, (read = readOpened(opened, (bytes) => (past ? reader.readOnce(bytes) : reader.read(bytes)))))
    }
    return read
  }

  /**
   * Executes the entry after the newest executed one. Returns undefined when it is sound, or why this node refuses it. An unsound block leaves no trace.
   */
  execute(entry: LogEntry): Refused | undefined {
    if (entry.data.length === 0) {
      // A no-op may come again after its commit, when blocks above it are executed already.
      this.#executedIndex = Math.max(this.#executedIndex, entry.index)
      return undefined
    }
    const layer = this.#ports.world.newLayer(this.tip.layer)
    try {
      this.#blocks.push(this.#execute(entry, layer))
      this.#executedIndex = entry.index
      return undefined
    } catch (error) {
      const root = layer.status === 'sealed' ? layer.root : NO_ROOT
      layer.drop()
      if (!(error instanceof SteleError) || !isRefusal(error.code)) throw error
      return { code: error.code, root, error }
    }
  }

  #execute(entry: LogEntry, layer: Layer): ExecutedBlock {
    const tip = this.tip
    const read = this.#readOnce(entry.data)
    const { envelope, header, transactions } = read
    const rules = this.#rulesFor(read, entry)
    checkHeader(header, tip, entry.term, rules)
    const height = Number(header.height)
    const proposal = proposalItem(read, proposerKey(header, rules.members))
    const isSigned = (transaction: Transaction): boolean => this.#ports.reader.isVerified(transaction) || signatureItems(transaction).every((item) => this.#verified(item))
    if (!this.#verified(proposal) || !transactions.every(isSigned)) {
      throw new SteleError({ code: 'BLOCK_INVALID', message: 'the block breaks a rule of the chain', details: { rule: 'every signature verifies', height } })
    }
    const window = this.#newWindow(tip)
    const outcome = this.#run(isChange(entry), read.recovery, layer, window, { height: header.height, timeMs: header.timeMs, parentTimeMs: tip.timeMs, chainId: header.chain }, transactions)
    if ('refused' in outcome) {
      throw new SteleError({ code: 'BLOCK_INVALID', message: 'the block breaks a rule of the chain', details: { rule: outcome.refused.code, height, position: outcome.refused.position } })
    }
    const { root } = layer.seal()
    const receiptBytes = encodeAll(receiptSchema, outcome.receipts)
    const eventRoot = outcome.set === undefined ? merkleRoot(receiptBytes) : activationRoot(outcome.set)
    if (!equalBytes(root, header.stateRoot) || !equalBytes(eventRoot, header.eventRoot)) {
      throw new SteleError({ code: 'ROOT_MISMATCH', message: 're-execution gives another root than the proposer signed', details: { height, proposer: header.proposer, ours: toHex(root), theirs: toHex(header.stateRoot), eventsAgree: equalBytes(eventRoot, header.eventRoot) } })
    }
    return this.#executed(entry.index, entry.term, header, envelope.header, transactions, outcome.receipts, receiptBytes, layer, window, outcome.changes)
  }

  /** The rules a block stands under: those of the state below it, or of the recovery statement it carries, which must hold and name its parent. */
  #rulesFor({ recovery }: ReadBlock, entry: LogEntry): NextRules {
    const { rules, height, hash } = this.tip
    if (recovery === undefined) return rules
    const { statement } = recovery
    const fault = !isChange(entry) ? 'a recovery stands alone in a change of the configuration' : statement.height !== BigInt(height) || !equalBytes(statement.block, hash) ? 'a recovery goes on from the block it names' : undefined
    if (fault !== undefined) throw new SteleError({ code: 'BLOCK_INVALID', message: 'the block breaks a rule of the chain', details: { rule: fault, height: height + 1 } })
    verifyRecovery(this.#options.chain, rules.members, recovery)
    return rulesOf(rules, recovery)
  }

  /** True while the next block has to open the epoch of a recovery that this node was given. */
  get opensEpoch(): boolean {
    const { rules, height, hash } = this.tip
    const statement = this.#recovery?.statement
    return statement !== undefined && statement.set.epoch === rules.members.epoch + 1 && statement.height === BigInt(height) && equalBytes(statement.block, hash)
  }

  /** Executes a block of transactions, or an activation, which holds none. */
  #run(activates: boolean, recovery: SignedRecovery | undefined, layer: Layer, window: WindowLayer, block: ExecutionBlock, transactions: readonly Transaction[]): Outcome | Extract<BlockOutcome, { refused: unknown }> {
    const ports = { state: this.store(layer), window, registry: this.#ports.registry, verified: (item: SignatureItem) => this.#verified(item) }
    if (!activates) {
      const outcome = executeBlock(ports, block, transactions)
      return 'refused' in outcome ? outcome : { receipts: outcome.receipts }
    }
    if (transactions.length > 0) return { refused: { position: 0, code: 'BLOCK_CHANGE_DUE' } }
    const outcome = recovery === undefined ? executeActivation(ports, block) : executeRecovery(ports, block, recovery.statement.set)
    return 'refused' in outcome ? outcome : { receipts: [], ...outcome }
  }

  /** Cuts the next block at (`index`, `term`) from `candidates`, which have verified signatures. Undefined when none of them can go in, unless `mayExpire` and one of them has expired: then the block is empty. `dropped` says which never will, as things stand. */
  propose(index: number, term: number, nowMs: bigint, candidates: readonly Transaction[], mayExpire = false): { readonly data: Uint8Array; readonly block: ExecutedBlock; readonly dropped: readonly { readonly transaction: Transaction; readonly code: AuthorisationCode }[] } | { readonly dropped: readonly { readonly transaction: Transaction; readonly code: AuthorisationCode }[] } {
    const tip = this.tip
    const timeMs = nowMs > tip.timeMs ? nowMs : tip.timeMs
    const layer = this.#ports.world.newLayer(tip.layer)
    const window = this.#newWindow(tip)
    const height = BigInt(tip.height + 1)
    const outcome = proposeBlock({ state: this.store(layer), window, registry: this.#ports.registry, verified: (item) => this.#verified(item) }, { height, timeMs, parentTimeMs: tip.timeMs, chainId: this.#options.chain }, candidates)
    const dropped = outcome.dropped.map(({ position, code }) => ({ transaction: candidates[position]!, code }))
    // An empty block moves block time on, so that what expired while nothing happened is told so everywhere.
    const expires = mayExpire && dropped.some(({ code }) => code === 'TX_EXPIRED')
    if (outcome.included.length === 0 && !expires) {
      layer.drop()
      return { dropped }
    }
    const transactions = outcome.included.map((position) => candidates[position]!)
    return { ...this.#cut(index, term, timeMs, transactions, outcome, layer, window), dropped }
  }

  /** Cuts the activation block of the change that stands out at the tip. */
  activate(index: number, term: number, nowMs: bigint): { readonly data: Uint8Array; readonly block: ExecutedBlock } {
    const tip = this.tip
    const timeMs = nowMs > tip.timeMs ? nowMs : tip.timeMs
    const layer = this.#ports.world.newLayer(tip.layer)
    const window = this.#newWindow(tip)
    const recovery = this.opensEpoch ? this.#recovery : undefined
    const outcome = this.#run(true, recovery, layer, window, { height: BigInt(tip.height + 1), timeMs, parentTimeMs: tip.timeMs, chainId: this.#options.chain }, [])
    invariant(!('refused' in outcome), 'a leader activates only what stands out')
    return this.#cut(index, term, timeMs, [], outcome, layer, window, recovery)
  }

  #cut(index: number, term: number, timeMs: bigint, transactions: readonly Transaction[], outcome: Outcome, layer: Layer, window: WindowLayer, recovery?: SignedRecovery): { readonly data: Uint8Array; readonly block: ExecutedBlock } {
    const tip = this.tip
    const { chain, node, signer } = this.#options
    const rules = recovery === undefined ? tip.rules : rulesOf(tip.rules, recovery)
    const contents = recovery === undefined ? transactions.map(({ bytes }) => bytes) : [encode(signedRecovery, recovery)]
    const { root } = layer.seal()
    const receiptBytes = encodeAll(receiptSchema, outcome.receipts)
    const header: BlockHeader = {
      v: 1, chain, epoch: rules.members.epoch, height: BigInt(tip.height + 1), term, parent: tip.hash, txRoot: merkleRoot(contents),
      eventRoot: outcome.set === undefined ? merkleRoot(receiptBytes) : activationRoot(outcome.set), historyRoot: tip.history.root(), stateRoot: root, memberSet: rules.memberSet, parameters: rules.parameters,
      timeMs, proposer: node, count: contents.length,
    }
    const headerBytes = encodeHeader(header)
    const data = encodeBlock({ header: headerBytes, signature: signer.sign(headerSigningBytes(chain, headerBytes)), transactions: contents })
    return { data, block: this.#executed(index, term, header, headerBytes, transactions, outcome.receipts, receiptBytes, layer, window, outcome.changes) }
  }

  /** Hash of an executed block that is not durable in the database yet. */
  hashAt(height: number): Uint8Array | undefined {
    if (this.#base.height === height) return this.#base.hash
    return this.#blocks.find((block) => block.height === height)?.hash
  }

  /** The executed block of this entry, when it is the newest. */
  newest(index: number): ExecutedBlock | undefined {
    const last = this.#blocks.at(-1)
    return last?.index === index ? last : undefined
  }

  /** Counts a proposed block as executed, once the log has taken it at its index. */
  adopt(block: ExecutedBlock): void {
    this.#blocks.push(block)
    this.#executedIndex = block.index
  }

  /** Drops a proposed block that the log did not take. */
  discard(block: ExecutedBlock): void {
    block.layer.drop()
  }

  /** Forgets every executed entry at or above `from`; returns the blocks dropped, for the mempool. */
  truncate(from: number): ExecutedBlock[] {
    const at = this.#blocks.findIndex(({ index }) => index >= from)
    const dropped = at === -1 ? [] : this.#blocks.splice(at)
    for (const { layer } of dropped.toReversed()) layer.drop()
    this.#executedIndex = Math.min(this.#executedIndex, from - 1)
    return dropped
  }

  /** Hands over the executed block of a committed entry, oldest first; undefined for a no-op. The block stays the ground of later ones; what was read of the entry is let go. */
  take({ index, data }: Pick<LogEntry, 'index' | 'data'>): ExecutedBlock | undefined {
    const [first] = this.#blocks
    if (first?.index !== index) return undefined
    this.#blocks.shift()
    // The log keeps recent entries for others; their transactions would stay with them.
    this.#opened.delete(data)
    this.#read.delete(data)
    this.#ports.reader.forget(first.transactions)
    this.#base = { height: first.height, hash: first.hash, timeMs: first.header.timeMs, history: first.history, layer: first.layer, window: first.window, rules: first.rules }
    return first
  }

  /**
   * Executes a refused block once more upon the tip and tells what this node writes, in order, with the position of the transaction (−1: the block's own bookkeeping). Leaves no trace.
   * Undefined when the tip is not its parent, or the block does not come so far as to write.
   */
  trace(data: Uint8Array): readonly TracedWrite[] | undefined {
    const { header, transactions } = this.#readOnce(data)
    const tip = this.tip
    if (Number(header.height) !== tip.height + 1) return undefined
    const layer = this.#ports.world.newLayer(tip.layer)
    const { store, writes } = tracing(this.store(layer))
    try {
      const outcome = executeBlock({ state: store, window: this.#newWindow(tip), registry: this.#ports.registry, verified: (item) => this.#verified(item) }, { height: header.height, timeMs: header.timeMs, parentTimeMs: tip.timeMs, chainId: header.chain }, transactions)
      return 'refused' in outcome ? undefined : writes.map((write) => ({ ...write, transaction: transactions[write.position]?.key }))
    } finally {
      layer.drop()
    }
  }

  /** Signatures inside transactions' arguments, for the door. */
  proofs(transaction: Transaction): readonly SignatureItem[] {
    const tip = this.tip
    return proofsOf(readerOf(tip.layer ?? this.#ports.world.view()), this.#ports.registry.under(tip.rules.activations), { height: BigInt(tip.height + 1), chainId: this.#options.chain }, transaction)
  }

  /** Where execution writes; a seam for the test that plants a wrong write. */
  protected store(layer: Layer): TransactionStore {
    return layer.store()
  }

  #newWindow(tip: Tip): WindowLayer {
    return tip.window === undefined ? this.#ports.window.layer() : tip.window.layer()
  }

  #verified(item: SignatureItem): boolean {
    return this.#ports.knows(item) || verify(item.publicKey, item.message, item.signature)
  }

  #executed(index: number, term: number, header: BlockHeader, headerBytes: Uint8Array, transactions: readonly Transaction[], receipts: readonly Receipt[], receiptBytes: readonly Uint8Array[], layer: Layer, window: WindowLayer, changes: readonly VoterChange[] = []): ExecutedBlock {
    const hash = blockHashOf(header.chain, headerBytes)
    const history = this.tip.history.clone()
    const historyNodes = history.appendHash(leafHash(hash))
    const rules = nextRules(header.chain, readerOf(layer), this.tip.rules, changes.length > 0)
    return { index, term, height: Number(header.height), hash, header, headerBytes, transactions, receipts, receiptBytes, layer, window, history, historyNodes, rules, changes }
  }
}

function isChange({ kind }: LogEntry): boolean {
  return kind === 'reconfiguration' || kind === 'change'
}

/** Voters and proposer of the first block of an epoch are those of the statement. */
function rulesOf(rules: NextRules, { statement: { set, chain } }: SignedRecovery): NextRules {
  return { ...rules, members: set, memberSet: memberSetHash(chain, set) }
}

/** Faults of the block, as against faults of this node. */
function isRefusal(code: string | undefined): boolean {
  return code === 'ROOT_MISMATCH' || code === 'BLOCK_INVALID' || code?.startsWith('CODEC_') === true || code?.startsWith('TX_') === true || code?.startsWith('RECOVERY_') === true
}

