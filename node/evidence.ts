import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../primitives/bytes.ts'
import type { Clock, Logger, MetricsRegister } from '../primitives/ports.ts'

/** Most pieces kept of one node: a liar must not fill the disk of the honest. */
const PIECES_PER_NODE_MAX = 100

/**
 * Keeps what proves that a member signed two different things for one height: one line of JSON each in `evidence.ndjson` of the data folder, with both
 * signed statements in hex. Whoever has genesis can check them. Raises an alarm in log and metrics.
 */
export class EvidenceStore {
  readonly #path: string
  readonly #with: { readonly logger: Logger; readonly clock: Clock }
  readonly #pieces: ReturnType<MetricsRegister['counter']>
  readonly #countByNode = new Map<number, number>()

  constructor(dataDir: string, collaborators: { readonly logger: Logger; readonly metrics: MetricsRegister; readonly clock: Clock }) {
    this.#path = join(dataDir, 'evidence.ndjson')
    this.#with = collaborators
    this.#pieces = collaborators.metrics.counter('stele_evidence_total', 'Pieces of evidence that a member signed two things for one height; alert on any')
  }

  /** Two attestations of `node` at one height, as canonical bytes. */
  keep(node: number, first: Uint8Array, second: Uint8Array): void {
    const { logger, clock } = this.#with
    this.#pieces.inc()
    logger.error({ node, code: 'EQUIVOCATION', path: this.#path }, 'a member attested to two blocks at one height')
    const count = (this.#countByNode.get(node) ?? 0) + 1
    this.#countByNode.set(node, count)
    if (count > PIECES_PER_NODE_MAX) return
    const line = JSON.stringify({ kind: 'attestation', node, seenAt: new Date(clock.nowMs()).toISOString(), first: toHex(first), second: toHex(second) })
    appendFile(this.#path, `${line}\n`, { mode: 0o600, flush: true }).catch((error: unknown) => logger.error({ error }, 'evidence could not be stored'))
  }
}
