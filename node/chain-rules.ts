import { equalBytes } from '../primitives/bytes.ts'
import type { ChainParameters } from '../primitives/genesis.ts'
import { parametersHash } from '../primitives/genesis.ts'
import type { MemberPeriod } from '../primitives/member-history.ts'
import { memberSetHash } from '../primitives/member-set.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import type { Reader } from '../contracts/index.ts'
import type { ExecutedBlock } from './executed-block.ts'
import { pendingStep, readActivations, readerOf, readMemberSet, readMemberSets, readParameters } from '../contracts/index.ts'
import type { PendingStep, VotedVersion } from '../contracts/index.ts'

/** What the state under a header fixes for it. */
export interface HeaderRules {
  readonly chain: Uint8Array
  /** The voters of the parent block's state: who may propose and certify. */
  readonly members: MemberSet
  readonly memberSet: Uint8Array
  readonly parameters: Uint8Array
}

/** The same for a block that is not cut yet, with the parameters themselves and the change of members that stands out. */
export interface NextRules extends HeaderRules {
  readonly limits: ChainParameters
  readonly step: PendingStep | undefined
  /** Contract versions that members have activated, in force or to come. */
  readonly activations: readonly VotedVersion[]
}

/** Reads the rules for the next block from the state under it. What did not change since `before` is not hashed again. */
export function nextRules(chain: Uint8Array, reader: Reader, before?: NextRules, membersChanged = true): NextRules {
  const limits = readParameters(reader)
  const members = before === undefined || membersChanged ? readMemberSet(reader) : before.members
  return {
    chain, members, limits, step: pendingStep(reader), activations: readActivations(reader),
    memberSet: members === before?.members ? before.memberSet : memberSetHash(chain, members),
    parameters: before !== undefined && limits === before.limits ? before.parameters : parametersHash(chain, limits),
  }
}

/**
 * The committed rules of a chain as they stand now, and the member sets of every height before: who certified what. One object for the life of a node;
 * `members`, `memberSet` and `parameters` move with the committed blocks.
 */
export class ChainRules implements HeaderRules {
  readonly chain: Uint8Array
  #periods: readonly (MemberPeriod & { readonly hash: Uint8Array })[]
  #changeHeights: readonly number[] = []
  #limits: ChainParameters
  #parameters: Uint8Array

  constructor(chain: Uint8Array, genesis: MemberSet, limits: ChainParameters) {
    this.chain = chain
    this.#periods = [{ from: 1n, set: genesis, hash: memberSetHash(chain, genesis) }]
    this.#limits = limits
    this.#parameters = parametersHash(chain, limits)
  }

  get members(): MemberSet { return this.#periods.at(-1)!.set }
  get memberSet(): Uint8Array { return this.#periods.at(-1)!.hash }
  get parameters(): Uint8Array { return this.#parameters }
  get limits(): ChainParameters { return this.#limits }
  /** Every set with its first height; the newest last. */
  get periods(): readonly MemberPeriod[] { return this.#periods }

  /** Takes over what a state says: at the start, and after a change was committed. */
  load(reader: Reader): void {
    this.#periods = readMemberSets(reader).map(({ from, set }) => ({ from, set, hash: memberSetHash(this.chain, set) }))
    // What an earlier epoch left without a certificate is settled by the recovery that ended it (DESIGN §5.7).
    const { epoch } = this.#periods.at(-1)!.set
    this.#changeHeights = this.#periods.filter(({ set }) => set.epoch === epoch).slice(1).map(({ from }) => Number(from) - 1)
    const limits = readParameters(reader)
    if (limits === this.#limits) return
    this.#limits = limits
    this.#parameters = parametersHash(this.chain, limits)
  }

  /** Moves on with a committed block, whose state `layer` shows. */
  follow({ rules: { limits }, changes, layer }: Pick<ExecutedBlock, 'rules' | 'changes' | 'layer'>): boolean {
    const moved = changes.length > 0 || limits !== this.#limits
    if (moved) this.load(readerOf(layer))
    return moved
  }

  /** The set that certifies the block at `height`; above the newest committed block that is the newest one known. */
  membersAt(height: bigint | number): MemberSet {
    return this.#at(BigInt(height)).set
  }

  /** Whether `hash` names the set of this height. */
  isSetOf(height: bigint, hash: Uint8Array): boolean {
    return equalBytes(this.#at(height).hash, hash)
  }

  /** First heights of all sets but that of genesis: the blocks before them must be certified themselves. */
  get changeHeights(): readonly number[] { return this.#changeHeights }

  /** The attestation keys that a node has ever had as a voter, newest first. */
  keysOf(node: number): readonly Uint8Array[] {
    return this.#periods.toReversed().flatMap(({ set }) => set.voters.filter((voter) => voter.node === node).map(({ attestationKey }) => attestationKey))
  }

  #at(height: bigint): MemberPeriod & { readonly hash: Uint8Array } {
    return this.#periods.findLast(({ from }) => from <= height) ?? this.#periods[0]!
  }
}
