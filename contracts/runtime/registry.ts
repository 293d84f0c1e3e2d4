import { SteleError } from '../../primitives/error.ts'
import type { Call, Contract } from './contract.ts'

/** A contract version and the height of the first block that runs it. Old versions stay, so that old blocks replay. */
export interface Activation { readonly contract: Contract; readonly fromHeight: bigint }

/** name → versions in force. Equal on all nodes of a chain: it is compiled in, and changes only by activation height. */
export class Registry {
  private readonly byName = new Map<string, Activation[]>()

  constructor(activations: readonly Activation[]) {
    for (const activation of activations) {
      const { name, version } = activation.contract
      const line = this.byName.get(name) ?? []
      const last = line.at(-1)
      if (last !== undefined && (last.fromHeight >= activation.fromHeight || last.contract.version >= version)) {
        throw new SteleError({ code: 'CONTRACT_ACTIVATION_INVALID', message: 'versions of a contract must ascend with their heights', details: { name, version } })
      }
      line.push(activation)
      this.byName.set(name, line)
    }
  }

  /** The version of `name` in force at `height`, undefined when there is none. */
  contract(name: string, height: bigint): Contract | undefined {
    const line = this.byName.get(name)
    if (line === undefined) return undefined
    for (let i = line.length - 1; i >= 0; i--) if (line[i]!.fromHeight <= height) return line[i]!.contract
    return undefined
  }

  /** A call of a contract in force at `height`. */
  call(contract: string, call: string, height: bigint): Call<unknown, unknown> | undefined {
    const found = this.contract(contract, height)
    return found !== undefined && Object.hasOwn(found.calls, call) ? found.calls[call] : undefined
  }

  /** Every version ever activated, for documentation and tests. */
  all(): readonly Activation[] {
    return [...this.byName.values()].flat()
  }
}
