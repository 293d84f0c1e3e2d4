import { invariant } from '../../primitives/assert.ts'
import { decode } from '../../primitives/codec.ts'
import { errorCode } from '../../primitives/error.ts'
import { hash } from '../../primitives/hash.ts'
import type { Receipt } from '../../primitives/receipt.ts'
import type { SignatureItem } from '../../primitives/signature.ts'
import type { Transaction } from '../../primitives/transaction.ts'
import type { Account } from '../identity/accounts.ts'
import { activate, openEpoch, pendingStep } from '../membership/activation.ts'
import type { VoterChange } from '../membership/activation.ts'
import { readActivations, readParameters } from '../membership/members.ts'
import type { MemberSet } from '../../primitives/member-set.ts'
import { authorise } from './authorise.ts'
import type { AuthorisationCode, BlockCode } from './codes.ts'
import { TransactionContext } from './context.ts'
import type { BlockContext, Call } from './contract.ts'
import { COST, CostMeter } from './cost.ts'
import type { StateStore, Verified } from './ports.ts'
import type { Registry } from './registry.ts'
import { minuteOf } from './replay-window.ts'
import type { WindowLayer } from './replay-window.ts'
import { readerOf, writerOf } from './table.ts'
import type { Reader } from './table.ts'
import { replayMinutes } from './tables.ts'

/** What of a header execution sees. `parentTimeMs` is genesis time for block 1. */
export interface ExecutionBlock { readonly height: bigint; readonly timeMs: bigint; readonly parentTimeMs: bigint; readonly chainId: Uint8Array }

/** `registry`: versions of this build; what is voted stands in the state. `state` and `window`: this block's own layers over its parent's; dropped by their owner when the block comes to nothing. */
export interface ExecutionPorts { readonly state: StateStore; readonly window: WindowLayer; readonly registry: Registry; readonly verified: Verified }

export type BlockOutcome =
  | { readonly receipts: readonly Receipt[], readonly cost: number }
  | { readonly refused: { readonly position: number, readonly code: BlockCode } }

/** What a proposer may put into a block: positions in the order given, those that must not go in, and where it was full. */
export interface Proposal {
  readonly included: readonly number[]
  readonly receipts: readonly Receipt[]
  readonly dropped: readonly { readonly position: number, readonly code: AuthorisationCode }[]
  /** Positions from here on were not looked at: the block's cost limit was reached. */
  readonly nextPosition: number
  readonly cost: number
}

type Step = { readonly receipt: Receipt } | { readonly notIncludable: AuthorisationCode } | { readonly full: true }

/** Runs transactions one after the other into the layers of one block. */
class BlockExecution {
  readonly receipts: Receipt[] = []
  cost = 0
  private readonly block: BlockContext
  private readonly parentTimeMs: bigint
  private readonly ports: ExecutionPorts
  private readonly reader: Reader
  private readonly minutes = new Map<bigint, Uint8Array>()

  constructor(ports: ExecutionPorts, block: ExecutionBlock) {
    this.reader = readerOf(ports.state)
    const registry = ports.registry.under(readActivations(this.reader))
    registry.requireAt(block.height)
    this.ports = { ...ports, registry }
    this.block = { height: block.height, timeMs: block.timeMs, chainId: block.chainId, parameters: readParameters(this.reader) }
    this.parentTimeMs = block.parentTimeMs
  }

  step(transaction: Transaction): Step {
    const { registry, window, state } = this.ports
    const { height, timeMs, chainId, parameters } = this.block
    const authorisation = authorise({ reader: this.reader, window, registry }, { height, timeMs, chainId, lifetimeMsMax: parameters.lifetimeMsMax }, transaction)
    if ('notIncludable' in authorisation) return authorisation
    state.begin()
    const meter = new CostMeter()
    const receipt = this.run(transaction, authorisation.account, meter)
    // The limit counts what was really done, also where the receipt shows a fixed cost so as not to tell what was read.
    if (this.cost + meter.total > parameters.blockCostMax) {
      state.rollback()
      return this.cost === 0 ? { notIncludable: 'TX_COST_TOO_HIGH' } : { full: true }
    }
    if (receipt.code === 'OK') state.commit()
    else state.rollback()
    this.cost += meter.total
    this.receipts.push(receipt)
    window.add(registry, height, transaction, receipt)
    this.remember(transaction)
    return { receipt }
  }

  /** Writes the running hashes of the minutes touched and removes those that block time has passed. */
  finish(): void {
    const writer = writerOf(this.ports.state)
    const current = minuteOf(this.block.timeMs)
    // A leaf can only exist for minutes between the parent's time and the parent's time plus the longest lifetime.
    const first = minuteOf(this.parentTimeMs)
    const last = minuteOf(this.parentTimeMs + BigInt(this.block.parameters.lifetimeMsMax))
    for (let minute = first; minute < current && minute <= last; minute++) {
      if (writer.get(replayMinutes, minute) !== undefined) writer.delete(replayMinutes, minute)
    }
    for (const [minute, running] of this.minutes) writer.put(replayMinutes, [minute], running)
  }

  /** Continues the running hash of the minute in which the id expires. */
  private remember({ id, body }: Transaction): void {
    const minute = minuteOf(body.validUntil)
    const running = this.minutes.get(minute) ?? this.reader.get(replayMinutes, minute) ?? new Uint8Array(32)
    this.minutes.set(minute, hash('replay-minute', running, id))
  }

  private run(transaction: Transaction, account: Account, meter: CostMeter): Receipt {
    const { id, body, bytes } = transaction
    meter.add(COST.transaction + COST.transactionByte * bytes.length)
    const receipt = (code: string, cost: number, events: Receipt['events'] = []): Receipt => ({ tx: id, position: this.receipts.length, code, cost, events })
    const contract = this.ports.registry.contract(body.contract, this.block.height)
    if (contract === undefined) return receipt('CONTRACT_UNKNOWN', meter.total)
    const call = Object.hasOwn(contract.calls, body.call) ? contract.calls[body.call] : undefined
    if (call === undefined) return receipt('CALL_UNKNOWN', meter.total)
    const args = maybeDecodeArgs(call, body.args)
    if (args === undefined) return receipt('ARGS_INVALID', meter.total)
    const fixed = call.fixedCost?.(args.value)
    const { state, window, verified } = this.ports
    const base = meter.total
    const context = new TransactionContext({
      contract, block: this.block, transactionId: id, state, window, verified, meter,
      caller: { account: body.account, kind: account.kind, member: account.member },
    })
    const checked = call.check(context, args.value)
    if ('code' in checked) return receipt(checked.code, fixed === undefined ? meter.total : base + fixed)
    context.openForWriting()
    call.apply(context, args.value, checked.prepared)
    return receipt('OK', fixed === undefined ? meter.total : base + fixed, context.events)
  }
}

/** Argument bytes that do not fit their schema are a result, not an error: only the codec's own refusals are taken for that. */
function maybeDecodeArgs(call: Call<unknown, unknown>, bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: decode(call.args, bytes) }
  } catch (error) {
    if (errorCode(error)?.startsWith('CODEC_') === true) return undefined
    throw error
  }
}

/**
 * Executes a block that someone else proposed. All transactions are authorised and within the cost limit, or the whole block is
 * refused with the first fault; then the caller drops both layers. Throws only on a bug or a damaged state.
 */
export function executeBlock(ports: ExecutionPorts, block: ExecutionBlock, transactions: readonly Transaction[]): BlockOutcome {
  if (block.timeMs < block.parentTimeMs) return { refused: { position: 0, code: 'BLOCK_TIME_BEFORE_PARENT' } }
  if (pendingStep(readerOf(ports.state))?.due === true) return { refused: { position: 0, code: 'BLOCK_CHANGE_DUE' } }
  const execution = new BlockExecution(ports, block)
  for (let position = 0; position < transactions.length; position++) {
    const step = execution.step(transactions[position]!)
    if ('notIncludable' in step) return { refused: { position, code: step.notIncludable } }
    if ('full' in step) return { refused: { position, code: 'BLOCK_COST_EXCEEDED' } }
  }
  execution.finish()
  return { receipts: execution.receipts, cost: execution.cost }
}

/**
 * Executes an activation block: the step of an accepted change of members that stands out, and nothing else. `set`: who votes from the next block on;
 * `changes`: what consensus changes once the block is committed.
 */
export function executeActivation(ports: ExecutionPorts, block: ExecutionBlock): { readonly set: MemberSet; readonly changes: readonly VoterChange[] } | { readonly refused: { readonly position: number; readonly code: BlockCode } } {
  if (block.timeMs < block.parentTimeMs) return { refused: { position: 0, code: 'BLOCK_TIME_BEFORE_PARENT' } }
  const writer = writerOf(ports.state)
  if (pendingStep(writer) === undefined) return { refused: { position: 0, code: 'BLOCK_CHANGE_MISSING' } }
  const execution = new BlockExecution(ports, block)
  const outcome = activate(writer, block.chainId, block.height)
  execution.finish()
  return { set: outcome.set, changes: [outcome.change] }
}

/** Executes the block that opens the epoch of a recovery. The caller has verified the statement, and that it names the parent. */
export function executeRecovery(ports: ExecutionPorts, block: ExecutionBlock, set: MemberSet): { readonly set: MemberSet; readonly changes: readonly VoterChange[] } | { readonly refused: { readonly position: number; readonly code: BlockCode } } {
  if (block.timeMs < block.parentTimeMs) return { refused: { position: 0, code: 'BLOCK_TIME_BEFORE_PARENT' } }
  const execution = new BlockExecution(ports, block)
  const changes = openEpoch(writerOf(ports.state), block.chainId, block.height, set)
  execution.finish()
  return { set, changes }
}

/** Executes candidates for a block of one's own: leaves out what is not includable and stops where the cost limit is reached. */
export function proposeBlock(ports: ExecutionPorts, block: ExecutionBlock, candidates: readonly Transaction[]): Proposal {
  invariant(block.timeMs >= block.parentTimeMs, 'a proposer keeps block time from going back')
  const execution = new BlockExecution(ports, block)
  const included: number[] = []
  const dropped: { position: number, code: AuthorisationCode }[] = []
  let position = 0
  for (; position < candidates.length; position++) {
    const step = execution.step(candidates[position]!)
    if ('full' in step) break
    if ('notIncludable' in step) dropped.push({ position, code: step.notIncludable })
    else included.push(position)
  }
  execution.finish()
  return { included, receipts: execution.receipts, dropped, nextPosition: position, cost: execution.cost }
}

/** Signatures inside a transaction's arguments (storage receipts), for verification in batches at the door. Empty when there are none or the arguments do not decode. */
export function proofsOf(reader: Reader, registry: Registry, block: Pick<ExecutionBlock, 'height' | 'chainId'>, transaction: Transaction): readonly SignatureItem[] {
  const call = registry.call(transaction.body.contract, transaction.body.call, block.height)
  if (call?.proofs === undefined) return []
  const args = maybeDecodeArgs(call, transaction.body.args)
  return args === undefined ? [] : call.proofs(reader, block, args.value)
}
