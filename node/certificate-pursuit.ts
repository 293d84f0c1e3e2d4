import type { Finality } from '../consensus/finality.ts'
import type { SyncProtocol } from '../p2p/sync-protocol.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import { verifyCertificate } from '../primitives/certificate.ts'
import type { ChainRules } from './chain-rules.ts'
import { BlockSource } from './sync-blocks.ts'

/** How often a node looks whether a committed block still lacks its certificate, in ms. */
const LOOK_MS = 1_000

export interface PursuitPorts {
  readonly finality: Finality
  readonly rules: ChainRules
  readonly sync: Pick<SyncProtocol, 'request' | 'stream'>
  readonly peers: () => readonly number[]
  readonly broadcast: (attestation: Uint8Array) => void
  readonly logger: Logger
}

/**
 * Attestations are sent once, and a line that another takes the place of loses what was on its way. While blocks follow the next attestation makes up for it; at rest, and for a change of voters
 * (above which nothing is final before it is, by the old voters), whoever lacks a certificate says its own word again and asks the others for the certificate. A node whose ledger is
 * a fork learns so in the same way.
 */
export class CertificatePursuit {
  readonly #ports: PursuitPorts
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #wanted: number | undefined

  constructor(ports: PursuitPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#timer ??= setInterval(() => { void this.#look() }, LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#abort.abort()
  }

  async #look(): Promise<void> {
    const { finality, broadcast, logger } = this.#ports
    const height = finality.uncertified
    // The first look only takes note: most blocks are certified within the second.
    const isNew = height !== this.#wanted
    this.#wanted = height
    if (height === undefined || isNew || this.#looking) return
    this.#looking = true
    try {
      const own = finality.repeatChange() ?? finality.repeat()
      if (own !== undefined) broadcast(own)
      // A node that joined late has all the changes of the past to go through.
      for (let next: number | undefined = height; next !== undefined && await this.#fetch(next);) next = finality.uncertified
    } catch (error) {
      if (!this.#abort.signal.aborted) logger.warn({ height, code: errorCode(error) }, 'looking for the certificate of a block failed')
    } finally {
      this.#looking = false
    }
  }

  async #fetch(height: number): Promise<boolean> {
    const { finality, rules, sync, peers, logger } = this.#ports
    const source = new BlockSource(sync, peers())
    for (const node of source.nodes) {
      try {
        const found = await source.finality(node, height, this.#abort.signal)
        if (found === undefined) continue
        const { certificate } = found
        verifyCertificate(rules.chain, rules.membersAt(Number(certificate.content.height)), certificate)
        if (!finality.adopt(certificate)) continue
        logger.info({ height, from: node }, 'took over the certificate of a block')
        return true
      } catch (error) {
        // The next node may be reachable, or honest.
        if (this.#abort.signal.aborted || !(error instanceof SteleError)) throw error
      }
    }
    return false
  }
}
