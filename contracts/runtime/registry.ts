import { SteleError } from '../../primitives/error.ts'
import type { Call, Contract } from './contract.ts'

/** A contract version and the height of the first block that runs it. Old versions stay, so that old blocks replay. */
export interface Activation { readonly contract: Contract; readonly fromHeight: bigint }

/** A version that members have activated by vote, as the state lists it (`readActivations`). */
export interface VotedVersion { readonly contract: string; readonly version: number; readonly height: bigint }

/** `contract` is undefined where this build lacks the version. */
interface Line { readonly version: number; readonly fromHeight: bigint; readonly contract: Contract | undefined }

/**
 * Which version of a contract a block runs. Every version of this build is compiled in; the first of each contract is in force from the start, and a later one only from the
 * height that members voted. So the answer follows from the state under the block alone, equally on all nodes that hold the version; one that lacks it stops before that height.
 */
export class Registry {
  readonly #builtIn: readonly Activation[]
  readonly #dormant: readonly Contract[]
  readonly #lines = new Map<string, Line[]>()
  /** The registry of the newest list of votes that was asked for; lists grow by one now and then. */
  #voted: { readonly key: string; readonly registry: Registry } | undefined

  /** `activations`: in force without a vote. `dormant`: versions that wait for one. `voted`: what the members decided. Throws `CONTRACT_ACTIVATION_INVALID`. */
  constructor(activations: readonly Activation[], dormant: readonly Contract[] = [], voted: readonly VotedVersion[] = []) {
    this.#builtIn = activations
    this.#dormant = dormant
    for (const { contract, fromHeight } of activations) this.#add(contract.name, { version: contract.version, fromHeight, contract })
    for (const { contract: name, version, height } of voted) this.#add(name, { version, fromHeight: height, contract: dormant.find((each) => each.name === name && each.version === version) })
  }

  #add(name: string, next: Line): void {
    const lines = this.#lines.get(name) ?? []
    const last = lines.at(-1)
    if (last !== undefined && (last.fromHeight >= next.fromHeight || last.version >= next.version)) {
      throw new SteleError({ code: 'CONTRACT_ACTIVATION_INVALID', message: 'versions of a contract must ascend with their heights', details: { name, version: next.version } })
    }
    lines.push(next)
    this.#lines.set(name, lines)
  }

  /** The same build under what the members have voted, as the state of a block's parent lists it. */
  under(voted: readonly VotedVersion[]): Registry {
    if (voted.length === 0) return this
    const key = voted.map(({ contract, version, height }) => `${contract} ${version} ${height}`).join(',')
    if (this.#voted?.key !== key) this.#voted = { key, registry: new Registry(this.#builtIn, this.#dormant, voted) }
    return this.#voted.registry
  }

  /** The version of `name` in force at `height`, undefined when there is none. Throws `CONTRACT_VERSION_MISSING` when this build lacks it. */
  contract(name: string, height: bigint): Contract | undefined {
    const line = this.#lineAt(name, height)
    if (line !== undefined && line.contract === undefined) throw missing(name, line)
    return line?.contract
  }

  #lineAt(name: string, height: bigint): Line | undefined {
    return this.#lines.get(name)?.findLast(({ fromHeight }) => fromHeight <= height)
  }

  /** A call of a contract in force at `height`. */
  call(contract: string, call: string, height: bigint): Call<unknown, unknown> | undefined {
    const found = this.contract(contract, height)
    return found !== undefined && Object.hasOwn(found.calls, call) ? found.calls[call] : undefined
  }

  /** Throws `CONTRACT_VERSION_MISSING` when a block at `height` runs a version that this build lacks, whether or not a transaction of it calls the contract. */
  requireAt(height: bigint): void {
    for (const name of this.#lines.keys()) this.contract(name, height)
  }

  /** Voted versions that this build lacks and that a block above `height` runs. */
  lacking(height: bigint): readonly VotedVersion[] {
    return [...this.#lines].flatMap(([contract, lines]) => lines.filter((line, i) => line.contract === undefined && (lines[i + 1]?.fromHeight ?? height + 2n) > height + 1n).map(({ version, fromHeight }) => ({ contract, version, height: fromHeight })))
  }

  /** Every version of this build in force without a vote or by one, for documentation and tests. */
  all(): readonly Activation[] {
    return [...this.#lines.values()].flat().flatMap(({ contract, fromHeight }) => (contract === undefined ? [] : [{ contract, fromHeight }]))
  }

  /** The newest version of each contract that this build holds, in force or not. */
  newest(): readonly { readonly name: string; readonly version: number }[] {
    const versions = new Map<string, number>()
    for (const { name, version } of [...this.#builtIn.map(({ contract }) => contract), ...this.#dormant]) versions.set(name, Math.max(version, versions.get(name) ?? 0))
    return Array.from(versions, ([name, version]) => ({ name, version }))
  }
}

function missing(contract: string, { version, fromHeight }: Line): SteleError {
  return new SteleError({ code: 'CONTRACT_VERSION_MISSING', message: 'the members have activated a contract version that this program lacks; it stops before the first block that runs it', details: { contract, version, height: Number(fromHeight) } })
}
