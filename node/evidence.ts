import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GossipVerdict } from '../p2p/gossip.ts'
import { TokenBucket } from '../p2p/token-bucket.ts'
import { maybeFromHex, toHex } from '../primitives/bytes.ts'
import { decode, encode } from '../primitives/codec.ts'
import { SteleError, errorCode } from '../primitives/error.ts'
import { accusationOf, EVIDENCE_BYTES_MAX, evidenceSchema, makeEvidence, verifyEvidence } from '../primitives/evidence.ts'
import type { Evidence, ProvenEvidence } from '../primitives/evidence.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import type { Clock, Logger, MetricsRegister } from '../primitives/ports.ts'

/** Most pieces kept of one node: a liar must not fill the disk of the honest. */
const PIECES_PER_NODE_MAX = 100
/** Pieces one peer may bring, per second and at once. Each costs two signature checks. */
const RELAYED = { perSecond: 5, burst: 20 } as const
/** Pieces told again to a node that comes back; gossip reaches only who is there. */
const REPEATED_MAX = 16

export interface KeptEvidence { readonly proven: ProvenEvidence; readonly evidence: Evidence; readonly seenAtMs: number }

export interface EvidenceCollaborators {
  readonly logger: Logger
  readonly metrics: MetricsRegister
  readonly clock: Clock
  /** Tells the other members. */
  readonly publish: (data: Uint8Array) => Promise<unknown>
}

const PHRASES: Readonly<Record<Evidence['kind'], string>> = {
  attestation: 'a member attested to two blocks at one height', header: 'a leader signed two blocks for one height in one term', vote: 'a member voted twice in one term',
}

/**
 * Keeps what proves that a node signed two different things: one line of JSON each in `evidence.ndjson` of the data folder, which whoever has genesis can check. What is found here is
 * gossiped; what others bring is verified before it is kept or passed on. One piece per misdeed, a bounded number per node. Raises an alarm in log, metrics and status.
 */
export class EvidenceStore {
  readonly #path: string
  readonly #chain: { readonly id: Uint8Array; readonly sets: () => readonly MemberSet[] }
  readonly #with: EvidenceCollaborators
  readonly #pieces: ReturnType<MetricsRegister['counter']>
  readonly #kept = new Map<string, KeptEvidence>()
  readonly #countByNode = new Map<number, number>()
  readonly #buckets = new Map<number, TokenBucket>()
  /** The file ends within a line: a crash cut it. The next line must not become part of that one. */
  #endsTorn = false
  /** Settles when the newest line is on disk or could not be: lines follow one another, since the system may write appends begun at once in any order. */
  #written: Promise<void> = Promise.resolve()

  constructor(dataDir: string, chain: { readonly id: Uint8Array; readonly sets: () => readonly MemberSet[] }, collaborators: EvidenceCollaborators) {
    this.#path = join(dataDir, 'evidence.ndjson')
    this.#chain = chain
    this.#with = collaborators
    this.#pieces = collaborators.metrics.counter('stele_evidence_total', 'Pieces of evidence that a member signed two different things where a sound one signs one; alert on any')
  }

  /** Reads what earlier runs kept. A line that proves nothing is passed over: `stele verify` names it. */
  async load(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return ''
      throw error
    })
    this.#endsTorn = text !== '' && !text.endsWith('\n')
    for (const line of text.split('\n')) {
      if (line === '') continue
      try {
        const { seenAt, evidence } = evidenceOfLine(line)
        const proven = verifyEvidence(this.#chain.id, this.#chain.sets(), evidence)
        if (this.#isNew(proven)) this.#remember({ proven, evidence, seenAtMs: Date.parse(seenAt) || this.#with.clock.nowMs() })
      } catch (error) {
        if (!(error instanceof SteleError) && !(error instanceof SyntaxError)) throw error
        this.#with.logger.warn({ path: this.#path }, 'a line of kept evidence proves nothing')
      }
    }
  }

  /** All that is kept, oldest first. */
  get list(): readonly KeptEvidence[] { return [...this.#kept.values()] }

  /** Nodes against which there is evidence, ascending. */
  get accused(): readonly number[] { return [...this.#countByNode.keys()].sort((a, b) => a - b) }

  /** Whether the store would still take something against a node: who asks saves the work of making it. */
  isOpenFor(node: number): boolean {
    return (this.#countByNode.get(node) ?? 0) < PIECES_PER_NODE_MAX
  }

  /** Takes what this node found itself, in any order of the two statements, verifies it, and tells everybody. False when it proves nothing or is known. */
  keep(found: Evidence): boolean {
    try {
      const evidence = makeEvidence(found)
      const proven = verifyEvidence(this.#chain.id, this.#chain.sets(), evidence)
      if (!this.#isNew(proven)) return false
      this.#store(evidence, proven)
      this.#tell(evidence)
      return true
    } catch (error) {
      if (!(error instanceof SteleError)) throw error
      this.#with.logger.debug({ code: error.code, details: error.details }, 'two statements are no evidence')
      return false
    }
  }

  /** Judges a piece from the wire. What is known costs no signature check; what a peer brings too fast is dropped unread. */
  receive(from: number, data: Uint8Array): GossipVerdict {
    let bucket = this.#buckets.get(from)
    if (bucket === undefined) this.#buckets.set(from, (bucket = new TokenBucket(RELAYED, this.#with)))
    if (!bucket.take()) return 'ignore'
    try {
      const evidence = decode(evidenceSchema, data, { maxBytes: EVIDENCE_BYTES_MAX })
      const sets = this.#chain.sets()
      if (!this.#isNew(accusationOf(evidence, sets))) return 'ignore'
      this.#store(evidence, verifyEvidence(this.#chain.id, sets, evidence))
      return 'accept'
    } catch (error) {
      if (!(error instanceof SteleError)) throw error
      return 'reject' // Sound members verify before they pass on.
    }
  }

  /** Tells the newest pieces again, for a node that was away. */
  repeat(): void {
    for (const { evidence } of this.list.slice(-REPEATED_MAX)) this.#tell(evidence)
  }

  #isNew({ key, node }: ProvenEvidence): boolean {
    return !this.#kept.has(key) && this.isOpenFor(node)
  }

  #remember(kept: KeptEvidence): void {
    this.#kept.set(kept.proven.key, kept)
    this.#countByNode.set(kept.proven.node, (this.#countByNode.get(kept.proven.node) ?? 0) + 1)
    this.#pieces.inc()
  }

  #store(evidence: Evidence, proven: ProvenEvidence): void {
    const { logger, clock } = this.#with
    const seenAtMs = clock.nowMs()
    this.#remember({ proven, evidence, seenAtMs })
    const { kind, node, member, epoch, term, at } = proven
    logger.error({ code: 'EQUIVOCATION', kind, node, member, epoch, term, at: Number(at), path: this.#path }, PHRASES[kind])
    const line = JSON.stringify({ kind, node, seenAt: new Date(seenAtMs).toISOString(), evidence: toHex(encode(evidenceSchema, evidence)) })
    const before = this.#endsTorn ? '\n' : ''
    this.#endsTorn = false
    this.#written = this.#written.then(() => appendFile(this.#path, `${before}${line}\n`, { mode: 0o600, flush: true })).catch((error: unknown) => logger.error({ error }, 'evidence could not be stored'))
  }

  #tell(evidence: Evidence): void {
    this.#with.publish(encode(evidenceSchema, evidence)).catch((error: unknown) => this.#with.logger.debug({ error }, 'evidence could not be gossiped'))
  }
}

/** A line of `evidence.ndjson`; nothing about it is verified. Throws SyntaxError or CODEC_*. */
export function evidenceOfLine(line: string): { readonly seenAt: string; readonly evidence: Evidence } {
  const value: unknown = JSON.parse(line)
  if (typeof value !== 'object' || value === null) throw new SyntaxError('the line is no JSON object')
  const { seenAt, evidence } = value as { readonly seenAt?: unknown; readonly evidence?: unknown }
  return { seenAt: String(seenAt), evidence: decode(evidenceSchema, maybeFromHex(String(evidence)) ?? new Uint8Array(0), { maxBytes: EVIDENCE_BYTES_MAX }) }
}
