import type { Registry, VotedVersion } from '../contracts/index.ts'
import type { Logger } from '../primitives/ports.ts'

/** Tells in time that the members have activated a contract version which this program lacks: from its height on the node could not execute a block, and stops. */
export class ContractVersions {
  readonly #registry: Registry
  readonly #logger: Logger
  /** The newest list, as one text: a version may be taken back and another voted for in its place. */
  #voted = ''
  #list: readonly VotedVersion[] = []

  constructor(registry: Registry, logger: Logger) {
    this.#registry = registry
    this.#logger = logger
  }

  /** Takes the list of the newest state; `height`: of its block. Warns when the list has changed and holds what this program lacks. */
  look(voted: readonly VotedVersion[], height: number): void {
    if (voted === this.#list) return
    this.#list = voted
    const key = voted.map(({ contract, version, height }) => `${contract} ${version} ${height}`).join()
    if (key === this.#voted) return
    this.#voted = key
    for (const lacking of this.#lacking(height)) {
      this.#logger.warn({ code: 'CONTRACT_VERSION_MISSING', contract: lacking.contract, version: lacking.version, from: Number(lacking.height) }, 'the members have activated a contract version that this program lacks; install one that holds it before that height, or the node stops there')
    }
  }

  /** One sentence each for operators. */
  problems(height: number): string[] {
    return this.#lacking(height).map(({ contract, version, height: from }) => `lacks version ${version} of contract ${contract}, in force from height ${from}: update it before`)
  }

  #lacking(height: number): readonly VotedVersion[] {
    return this.#registry.under(this.#list).lacking(BigInt(height))
  }
}
