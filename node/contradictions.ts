import { toHex } from '../primitives/bytes.ts'
import { attestationSchema } from '../primitives/certificate.ts'
import type { Attestation, AttestationContent } from '../primitives/certificate.ts'
import { encode } from '../primitives/codec.ts'
import type { Logger, MetricsRegister } from '../primitives/ports.ts'

/** A node whose word differs from what this one holds: the newest height at which it does, and how many did since this node's start. */
export interface Contradiction { readonly node: number; readonly height: number; readonly count: number }

/**
 * Whose attestations name other blocks than those committed here. Such a node follows another history (a leader lied to one of the two) or lies; one signed statement alone proves neither, so
 * this is an alarm and no evidence. One record per node, and the log doubles its distance from line to line: who signs many fills nothing. Forgotten with the process: who differs and still speaks is heard again.
 */
export class Contradictions {
  readonly #logger: Logger
  readonly #heard: ReturnType<MetricsRegister['counter']>
  readonly #byNode = new Map<number, Contradiction>()

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: MetricsRegister }) {
    this.#logger = logger
    this.#heard = metrics.counter('stele_attestation_contradictions_total', 'Attestations of members to another block than the one committed here')
  }

  /** Every node at most once; ascending by number. */
  get list(): readonly Contradiction[] { return [...this.#byNode.values()].sort((a, b) => a.node - b.node) }

  of(node: number): Contradiction | undefined { return this.#byNode.get(node) }

  /** `theirs` is verified, and its node is a voter of that height. The log holds it whole: with the certificate of that height anybody can check who differs. */
  add(theirs: Attestation, own: AttestationContent): void {
    const { node, content } = theirs
    const [height, count] = [Number(own.height), (this.#byNode.get(node)?.count ?? 0) + 1]
    this.#byNode.set(node, { node, height, count })
    this.#heard.inc()
    if (!isPowerOfTwo(count)) return
    this.#logger.error({
      code: 'ATTESTATION_CONTRADICTED', node, height, count, theirs: toHex(content.block), ours: toHex(own.block), term: own.term, attestation: toHex(encode(attestationSchema, theirs)),
    }, 'a member attests to another block than the one committed here')
  }
}

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0
