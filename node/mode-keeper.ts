import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { NodeMode } from './node-parts.ts'

export interface ModeKeeperPorts {
  /** At once: nothing more is voted, acknowledged, attested or relayed. */
  readonly quiet: () => void
  readonly fatal: (error: unknown) => void
  /** Damage was met; `fatal` unless given. */
  readonly damaged?: ((error: unknown) => void) | undefined
  readonly logger: Logger
}

/** The mode of a node, and what it does when something is wrong with it: repair, stand aside, or end. */
export class ModeKeeper {
  readonly #ports: ModeKeeperPorts
  #mode: NodeMode = 'starting'
  #reason: string | undefined
  #told = false

  constructor(ports: ModeKeeperPorts) {
    this.#ports = ports
  }

  get mode(): NodeMode { return this.#mode }
  /** Why the node is in repair mode, with the height; undefined in every other mode. */
  get repairReason(): string | undefined { return this.#mode === 'repair' ? this.#reason : undefined }

  /** A node that stops is never anything else again. */
  enter(mode: Exclude<NodeMode, 'repair'>): void {
    if (this.#mode === 'stopping') return
    this.#mode = mode
    if (mode === 'normal') this.#reason = undefined
  }

  enterRepair(reason: string): void {
    if (this.#mode !== 'stopping') this.#mode = 'repair'
    this.#reason = reason
  }

  /** What kept the node from starting is done; the start goes on. */
  leaveRepair(): void {
    if (this.#mode === 'repair') this.#mode = 'starting'
    this.#reason = undefined
  }

  /** Damage is a reason to repair, everything else one to end the process. */
  readonly failed = (error: unknown): void => {
    const code = errorCode(error)
    if (this.#mode === 'stopping' && isOwnStop(code)) {
      this.#ports.logger.debug({ code }, 'the stop has ended what was under way')
      return
    }
    if (code !== 'LEDGER_DAMAGED' && code !== 'STATE_DAMAGED') return this.#ports.fatal(error)
    if (this.#told) return
    this.#told = true
    const height = error instanceof SteleError ? error.details['height'] : undefined
    this.enterRepair(`repair: ${height === undefined ? 'the state' : `height ${String(height)}`} damaged`)
    this.#leave(error)
  }

  /** At once: no part in consensus, and nothing served. `standAside` follows when more is known. */
  halt(reason: string): void {
    if (this.#told || this.#mode === 'repair') return
    this.enterRepair(reason)
    this.#ports.quiet()
  }

  /** Ends this node's part in consensus at once: it differs from the cluster. */
  standAside(error: SteleError): void {
    if (this.#told) return
    this.#told = true
    this.enterRepair(`${error.code}: ${differenceOf(error)}: ${error.message}`)
    this.#ports.logger.error({ code: error.code, ...error.details }, error.message)
    this.#leave(error)
  }

  #leave(error: unknown): void {
    const { quiet, damaged, fatal } = this.#ports
    quiet()
    const tell = damaged ?? fatal
    tell(error)
  }
}

/** Codes of parts that the stop has closed, and of requests that it has given up or cut off: work that was still under way fails with them. */
function isOwnStop(code: string | undefined): boolean {
  return code === 'NODE_STOPPING' || code === 'LEDGER_CLOSED' || code === 'STATE_CLOSED' || code === 'STATE_VIEW_CLOSED' || code?.startsWith('P2P_') === true
}

/** Height, and transaction and key as far as they are known. */
function differenceOf({ details: { height, position, transaction, key } }: SteleError): string {
  const named = position === undefined && transaction === undefined ? [] : [`transaction ${String(transaction ?? position)}`]
  return [`height ${String(height)}`, ...named, ...(key === undefined ? [] : [`key ${String(key)}`])].join(', ')
}
