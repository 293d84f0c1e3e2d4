import { equalBytes } from '../primitives/bytes.ts'
import { decodeHeader } from '../primitives/block.ts'
import { attestationSchema } from '../primitives/certificate.ts'
import type { Attestation, AttestationContent, Certificate } from '../primitives/certificate.ts'
import { decode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import type { Logger } from '../primitives/ports.ts'
import type { Contradictions } from './contradictions.ts'
import type { EvidenceStore } from './evidence.ts'
import type { BlockSource, SignedHeader } from './sync-blocks.ts'

/** Heights at which this node has asked for another's header; a liar must not keep it busy. */
const ASKED_HEIGHTS_MAX = 256
/** Members asked about one height. */
const ASKED_PER_HEIGHT_MAX = 3
/** Refused blocks remembered, newest last. */
const REFUSED_MAX = 4
/** Certificates of blocks not committed here that are remembered: one may be heard of before its block is executed and refused. */
const CERTIFIED_MAX = 64

/** A block this node would not vouch for, as execution found it. */
export interface RefusedBlock { readonly index: number; readonly height: number; readonly block: Uint8Array; readonly code: string; readonly data: Uint8Array }

export interface WitnessPorts {
  readonly evidence: EvidenceStore
  readonly contradictions: Contradictions
  readonly source: BlockSource
  /** The signed header this node holds at a height. */
  readonly headerAt: (height: number) => SignedHeader | undefined
  /** The cluster has certified a block that this node refused. */
  readonly onRefusedCertified: (refused: RefusedBlock, certificate: Certificate) => void
  /** The cluster has certified another block than the one this node committed. */
  readonly onDiverged: (own: AttestationContent, certificate: Certificate) => void
  readonly signal: AbortSignal
  readonly logger: Logger
}

/**
 * Compares what others attest to with what this node holds. Where the two differ within one term, the leader signed two headers: the other one is fetched from whoever attests to it, and
 * the pair is evidence. Where a whole certificate differs, this node is the odd one out.
 */
export class Witness {
  readonly #ports: WitnessPorts
  readonly #asked = new Map<number, number>()
  readonly #refused: RefusedBlock[] = []
  readonly #certified: Certificate[] = []

  constructor(ports: WitnessPorts) {
    this.#ports = ports
  }

  /** Two attestations of one node at one height, as canonical bytes. */
  twoAttestations(first: Uint8Array, second: Uint8Array): void {
    this.#ports.evidence.keep({ kind: 'attestation', value: { first: decode(attestationSchema, first), second: decode(attestationSchema, second) } })
  }

  refused(block: RefusedBlock): void {
    this.#refused.push(block)
    if (this.#refused.length > REFUSED_MAX) this.#refused.shift()
    const certificate = this.#certified.find(({ content }) => equalBytes(content.block, block.block))
    if (certificate !== undefined) this.#ports.onRefusedCertified(block, certificate)
  }

  /** A member attests to another block than the one committed here. Different terms accuse nobody: a block of an older term that was never committed may be cut anew. */
  async contradicted(theirs: Attestation, own: AttestationContent): Promise<void> {
    const { node, content } = theirs
    const { evidence, contradictions, source, headerAt, signal, logger } = this.#ports
    const height = Number(own.height)
    contradictions.add(theirs, own)
    const asked = this.#asked.get(height) ?? 0
    if (content.term !== own.term || asked >= ASKED_PER_HEIGHT_MAX) return
    this.#asked.set(height, asked + 1)
    if (this.#asked.size > ASKED_HEIGHTS_MAX) this.#asked.delete(this.#asked.keys().next().value!)
    const ours = headerAt(height)
    if (ours === undefined || !evidence.isOpenFor(decodeHeader(ours.header).proposer)) return
    try {
      const second = await source.header(node, height, signal)
      if (second !== undefined && !equalBytes(second.header, ours.header)) evidence.keep({ kind: 'header', value: { first: ours, second } })
    } catch (error) {
      if (!(error instanceof SteleError)) throw error
      logger.debug({ node, height, code: error.code }, 'the other header could not be fetched')
    }
  }

  /** A quorum has certified what this node has not committed. One that is merely behind has nothing to say about it. */
  certifiedElsewhere(certificate: Certificate, own: AttestationContent | undefined): void {
    if (own !== undefined) return this.#ports.onDiverged(own, certificate)
    const refused = this.#refused.find(({ block }) => equalBytes(block, certificate.content.block))
    if (refused !== undefined) return this.#ports.onRefusedCertified(refused, certificate)
    this.#certified.push(certificate)
    if (this.#certified.length > CERTIFIED_MAX) this.#certified.shift()
  }
}
