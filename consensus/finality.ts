import { equalBytes, toHex } from '../primitives/bytes.ts'
import { attestationBytes, attestationSchema } from '../primitives/certificate.ts'
import type { Attestation, AttestationContent, Certificate } from '../primitives/certificate.ts'
import { decode, encode } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { certificateQuorum } from '../primitives/member-set.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import type { Logger, Timers } from '../primitives/ports.ts'
import type { SignatureItem, Signer } from '../primitives/signature.ts'
import { processTimers } from './timers.ts'

/** How many heights beside the newest committed one may gather attestations at a time, and how far ahead of it. */
const GATHERED_HEIGHTS_MAX = 512
const AHEAD_MAX = 4096
/** Attestations kept for a change of voters that is not committed here yet. */
const EARLY_MAX = 128
/** Heights that are final already and whose attestations are remembered, so that a second one still becomes evidence. */
const PAST_HEIGHTS_MAX = 128
/** Late words of one node that are looked at before more heights become final; each height gives one more. A liar must not keep this node busy. */
const LATE_MAX = 64
/** Misdeeds remembered, so that a node's further attestations at that height cost no check. */
const TOLD_MAX = 4096
/**
 * Before an attestation this node rests, in ms, and goes on resting while more blocks are on their way, though not for longer than `RESTS_MAX` rests. An attestation costs a sync, a round
 * of messages and signatures to check, which would compete with the commits that follow; and one covers all blocks before it.
 */
const REST_MS = 3
const RESTS_MAX = 16

export interface FinalityPorts {
  /** Durable before the signature leaves: resolves after the sync that covers the record. */
  readonly persistAttestation: (attestation: Uint8Array, height: number) => Promise<void>
  readonly broadcast: (attestation: Uint8Array) => void
  readonly verifyBatch: (items: readonly SignatureItem[]) => Promise<boolean[]>
  /** A new certificate; heights ascend. */
  readonly onCertificate: (certificate: Certificate) => void
  /** Two attestations of one node at one height: evidence, both as canonical bytes. */
  readonly onEvidence: (node: number, first: Uint8Array, second: Uint8Array) => void
  /** A member attests to another block than the one committed here at that height: one of the two was told something else by the leader. At most once per node and height. */
  readonly onContradiction?: (theirs: Attestation, own: AttestationContent) => void
  /** A quorum has certified a block that is not committed here: this node is behind, has refused it, or (`own`) has committed another. At most once per height without `own`, and once with it. */
  readonly onForeignCertificate?: (certificate: Certificate, own: AttestationContent | undefined) => void
  /** What is final here at a height that may be long past, and the certificate of that very height when there is one; undefined when it is not kept any more. */
  readonly finalAt?: (height: number) => { readonly content: AttestationContent; readonly certificate?: Certificate | undefined } | undefined
  /** Whether blocks above height `committed` are on their way here; never, unless given. */
  readonly isBusy?: (committed: number) => boolean
  readonly onFailure: (error: unknown) => void
  readonly logger: Logger
  /** The event loop's own unless given. */
  readonly timers?: Timers
}

/** The member sets of the chain, as far as this node has committed it. Above that it answers with the newest set. */
export interface CertifyingSets {
  membersAt(height: bigint): MemberSet
  /** Whether `hash` names the set of this height. */
  isSetOf(height: bigint, hash: Uint8Array): boolean
  /** Blocks with which the set changed, ascending: each must be certified by its own voters before any block above it can be (DESIGN §5.7). */
  readonly changeHeights: readonly number[]
}

export interface FinalityOptions {
  readonly chain: Uint8Array
  /** Who certifies which height. */
  readonly sets: CertifyingSets
  readonly node: number
  readonly signer: Signer
  /** Height at or below which this node may have attested before: never signed again, also when the attestation itself was lost with its record. */
  readonly attestedFloor: number
  /** The newest attestation this node ever made durable, from its ledger. */
  readonly lastAttested: Attestation | undefined
  readonly newestCertificate: Certificate | undefined
  /** Rest before an attestation, in ms; `REST_MS` unless given, 0 for none. */
  readonly restMs?: number
}

/** `second`: the other word of whoever signed two; it counts for the block it names, or a liar could hide a certificate from its victim. */
interface Gathering { readonly byNode: Map<number, Attestation>; readonly second: Map<number, Attestation>; readonly own?: AttestationContent | undefined }

/** What a node may still say late, and what it said last. */
interface LateWords { left: number; readonly last: AttestationContent }

/**
 * Attests to committed blocks and gathers the others' attestations into certificates (DESIGN §5.7).
 * One attestation at a time is under way; when several blocks were committed meanwhile, the roundest height among them and the newest
 * are attested, so that members who skip differently still meet at common heights.
 */
export class Finality {
  readonly #options: FinalityOptions
  readonly #ports: FinalityPorts
  /** Committed blocks that wait to be attested or certified, ascending by height. */
  readonly #committed = new Map<number, AttestationContent>()
  readonly #gathered = new Map<number, Gathering>()
  /** Attestations by voters of a set that this node does not know yet. */
  readonly #early = new Map<string, Uint8Array>()
  readonly #past = new Map<number, Gathering>()
  readonly #late = new Map<number, LateWords>()
  readonly #told = new Set<string>()
  #lastAttested: Attestation | undefined
  #certificate: Certificate | undefined
  #newestCommitted = 0
  #attesting = false
  #stopped = false
  #signed: { readonly content: AttestationContent; readonly bytes: Uint8Array } | undefined

  constructor(options: FinalityOptions, ports: FinalityPorts) {
    this.#options = options
    this.#ports = ports
    this.#lastAttested = options.lastAttested
    this.#certificate = options.newestCertificate
  }

  get newestCertificate(): Certificate | undefined { return this.#certificate }
  /** Height up to which every block is final. */
  get finalHeight(): number { return this.#certificate === undefined ? 0 : Number(this.#certificate.content.height) }
  get lastAttested(): Attestation | undefined { return this.#lastAttested }
  get #attestedHeight(): number { return Math.max(this.#options.attestedFloor, this.#lastAttested === undefined ? 0 : Number(this.#lastAttested.content.height)) }

  get #restMs(): number { return this.#options.restMs ?? REST_MS }

  /** Tells of a committed and executed block; heights ascend by one. Throws `ATTESTATION_CONFLICT` when it contradicts what was attested. */
  committed(content: AttestationContent): void {
    const height = Number(content.height)
    const attested = this.#lastAttested
    if (attested !== undefined && attested.content.height === content.height && !equalBytes(attested.content.block, content.block)) {
      throw new SteleError({ code: 'ATTESTATION_CONFLICT', message: 'the committed chain contradicts what this node attested', details: { height, attested: toHex(attested.content.block), committed: toHex(content.block) } })
    }
    this.#newestCommitted = height
    if (height > this.finalHeight) this.#committed.set(height, content)
    if (this.#committed.size > GATHERED_HEIGHTS_MAX) this.#forgetOldest()
    this.#tryCertify(height)
    if (height > this.finalHeight) for (const other of wordsOf(this.#gathered.get(height))) this.#lookElsewhere(other)
    void this.#attest()
    if (this.#early.size > 0 && this.#options.sets.changeHeights.at(-1) === height) this.#retryEarly()
  }

  #retryEarly(): void {
    const early = [...this.#early.values()]
    this.#early.clear()
    for (const bytes of early) this.receive(bytes).catch(this.#ports.onFailure)
  }

  /** The lowest block that changed the voters and is not certified: nothing above it becomes final before. */
  get uncertifiedChange(): number | undefined {
    return this.#options.sets.changeHeights.find((height) => height > this.finalHeight)
  }

  /** The block whose certificate is missing: the one that changed the voters, else the newest committed one. Undefined when everything is final. */
  get uncertified(): number | undefined {
    return this.uncertifiedChange ?? (this.#newestCommitted > this.finalHeight ? this.#newestCommitted : undefined)
  }

  /** Takes an attestation from the wire. The returned word says what the sender deserves. */
  async receive(bytes: Uint8Array): Promise<'accept' | 'ignore' | 'reject'> {
    let attestation: Attestation
    try {
      attestation = decode(attestationSchema, bytes, { maxBytes: 1024 })
    } catch {
      return 'reject' // Members never send what does not decode; the peer's score carries the fault.
    }
    const { content, node } = attestation
    const { sets } = this.#options
    const height = Number(content.height)
    const known = (this.#gathered.get(height) ?? this.#past.get(height))?.byNode.get(node)
    if (known === undefined && height <= this.finalHeight) return this.#receiveLate(attestation)
    if (height > this.#newestCommitted + AHEAD_MAX || (known !== undefined && (sameContent(known.content, content) || this.#told.has(`${height}:${node}`)))) return 'ignore'
    const voter = sets.membersAt(content.height).voters.find((candidate) => candidate.node === node)
    if (content.v !== 1) return 'reject'
    // Above what is committed here the voters may have changed already: looked at again once this node knows.
    if (voter === undefined || !sets.isSetOf(content.height, content.memberSet)) {
      if (height <= this.#newestCommitted) return 'reject'
      if (this.#early.size < EARLY_MAX) this.#early.set(`${node} ${height}`, bytes)
      return 'ignore'
    }
    const [valid] = await this.#ports.verifyBatch([{ publicKey: voter.attestationKey, message: this.#signedBytes(content), signature: attestation.signature }])
    if (valid !== true) return 'reject'
    return this.#keep(attestation)
  }

  /** What is signed under an attestation; all members sign the same bytes, so the newest are kept. `content` is of version 1. */
  #signedBytes(content: AttestationContent): Uint8Array {
    if (this.#signed === undefined || !sameContent(this.#signed.content, content)) this.#signed = { content, bytes: attestationBytes(this.#options.chain, content) }
    return this.#signed.bytes
  }

  /**
   * A node's first word at a height that is final already. One that says the same is kept unchecked: should its node say something else too, both signatures are checked then. One that says
   * something else contradicts the node's own word in the certificate, which is evidence, or what this node holds, and then its node follows another history, or lies.
   */
  async #receiveLate(attestation: Attestation): Promise<'ignore' | 'reject'> {
    const { content, node } = attestation
    const height = Number(content.height)
    const past = this.#past.get(height)
    if (past?.own !== undefined && sameContent(past.own, content)) {
      past.byNode.set(node, attestation)
      return 'ignore'
    }
    const { sets } = this.#options
    const voter = sets.membersAt(content.height).voters.find((candidate) => candidate.node === node)
    const late = this.#late.get(node)
    if (content.v !== 1 || voter === undefined || late?.left === 0 || (late !== undefined && sameContent(late.last, content)) || this.#told.has(`other ${height}:${node}`) || !sets.isSetOf(content.height, content.memberSet)) return 'ignore'
    const [valid] = await this.#ports.verifyBatch([{ publicKey: voter.attestationKey, message: this.#signedBytes(content), signature: attestation.signature }])
    if (valid !== true) return 'reject'
    // Only what the node itself has signed counts against what it may still say; meanwhile others may have been checked.
    const left = this.#late.get(node)?.left ?? LATE_MAX
    if (left === 0) return 'ignore'
    this.#late.set(node, { left: left - 1, last: content })
    const { certificate, content: own = past?.own } = this.#ports.finalAt?.(height) ?? {}
    if (own === undefined || sameContent(own, content) || own.epoch !== content.epoch) return 'ignore'
    const signed = certificate?.signatures.find((candidate) => candidate.node === node)
    if (certificate !== undefined && signed !== undefined) {
      if (this.#tellOnce(`${height}:${node}`)) this.#ports.onEvidence(node, encode(attestationSchema, { content: certificate.content, node, signature: signed.signature }), encode(attestationSchema, attestation))
    } else if (this.#tellOnce(`other ${height}:${node}`)) this.#ports.onContradiction?.(attestation, own)
    return 'ignore'
  }

  /** Sends the newest attestation again, for a peer that connected or a leader that changed. */
  repeat(): Uint8Array | undefined {
    return this.#lastAttested === undefined ? undefined : encode(attestationSchema, this.#lastAttested)
  }

  /**
   * This node's attestation to the uncertified change of voters, to be sent again: nothing becomes final without a quorum of them, and each was sent once. Made anew from
   * the same content, it has the same bytes; never before everything attested was seen committed, so that it stands on the same history.
   */
  repeatChange(): Uint8Array | undefined {
    const height = this.uncertifiedChange
    const content = height === undefined ? undefined : this.#committed.get(height)
    if (content === undefined || height! > this.#attestedHeight || this.#newestCommitted < this.#attestedHeight || !this.#votesAt(height!)) return undefined
    const attestation: Attestation = { content, node: this.#options.node, signature: this.#options.signer.sign(this.#signedBytes(content)) }
    this.#keep(attestation)
    return encode(attestationSchema, attestation)
  }

  /** Takes over a certificate that someone else gathered and the caller has verified, when it is for the block committed here. One for another block says that this node's ledger is a fork. */
  adopt(certificate: Certificate): boolean {
    const height = Number(certificate.content.height)
    const own = this.#committed.get(height)
    if (own === undefined || height > (this.uncertifiedChange ?? Infinity)) return false
    if (sameContent(own, certificate.content)) this.#certified(certificate)
    else this.#tellForeign(certificate, own)
    return height <= this.finalHeight
  }

  stop(): void { this.#stopped = true }

  #keep(attestation: Attestation): 'accept' | 'ignore' {
    const height = Number(attestation.content.height)
    const gathering = this.#gathered.get(height) ?? this.#past.get(height) ?? { byNode: new Map(), second: new Map() }
    const known = gathering.byNode.get(attestation.node)
    if (known !== undefined) {
      if (sameContent(known.content, attestation.content) || !this.#tellOnce(`${height}:${attestation.node}`)) return 'ignore'
      this.#ports.onEvidence(attestation.node, encode(attestationSchema, known), encode(attestationSchema, attestation))
      gathering.second.set(attestation.node, attestation)
      this.#tryCertify(height)
      if (height > this.finalHeight) this.#lookElsewhere(attestation)
      return 'ignore'
    }
    if (height <= this.finalHeight) return 'ignore' // Certified while the signature was checked.
    gathering.byNode.set(attestation.node, attestation)
    this.#gathered.set(height, gathering)
    while (this.#gathered.size > GATHERED_HEIGHTS_MAX) this.#gathered.delete(Math.min(...this.#gathered.keys()))
    this.#tryCertify(height)
    if (height > this.finalHeight) this.#lookElsewhere(attestation)
    return 'accept'
  }

  /** What others attest to and this node has not committed: a contradiction, or a certificate that it can take no part in. */
  #lookElsewhere(attestation: Attestation): void {
    const { content, node } = attestation
    const height = Number(content.height)
    const own = this.#committed.get(height)
    if (own !== undefined && sameContent(own, content)) return
    if (own !== undefined && this.#tellOnce(`other ${height}:${node}`)) this.#ports.onContradiction?.(attestation, own)
    const agreeing = this.#agreeing(this.#gathered.get(height), content)
    if (agreeing.length >= this.#quorumAt(content)) this.#tellForeign({ content, signatures: signaturesOf(agreeing) }, own)
  }

  /** A quorum may be heard before this node commits another block at that height: then it is told of twice, the second time as a fork. */
  #tellForeign(certificate: Certificate, own: AttestationContent | undefined): void {
    if (this.#tellOnce(`${own === undefined ? 'certified' : 'forked'} ${certificate.content.height}`)) this.#ports.onForeignCertificate?.(certificate, own)
  }

  #quorumAt({ height }: AttestationContent): number {
    return certificateQuorum(this.#options.sets.membersAt(height).voters.length)
  }

  /** What was gathered before this height was committed here may come from a node that has no vote at it. */
  #agreeing(gathering: Gathering | undefined, content: AttestationContent): Attestation[] {
    const { voters } = this.#options.sets.membersAt(content.height)
    return wordsOf(gathering).filter((attestation) => sameContent(attestation.content, content) && voters.some(({ node }) => node === attestation.node))
  }

  #tellOnce(what: string): boolean {
    if (this.#told.has(what)) return false
    this.#told.add(what)
    if (this.#told.size > TOLD_MAX) this.#told.delete(this.#told.values().next().value!)
    return true
  }

  /** Certifies a height once a quorum attests to the very block committed here. */
  #tryCertify(height: number): void {
    const content = this.#committed.get(height)
    const gathering = this.#gathered.get(height)
    if (content === undefined || gathering === undefined || height <= this.finalHeight) return
    if (height > (this.uncertifiedChange ?? Infinity)) return
    const agreeing = this.#agreeing(gathering, content)
    if (agreeing.length < this.#quorumAt(content)) return
    this.#certified({ content, signatures: signaturesOf(agreeing) })
  }

  #certified(certificate: Certificate): void {
    const height = Number(certificate.content.height)
    if (height <= this.finalHeight) return
    this.#certificate = certificate
    for (const late of this.#late.values()) late.left = Math.min(late.left + 1, LATE_MAX)
    for (const [old, gathering] of this.#gathered) {
      if (old > height) continue
      this.#gathered.delete(old)
      this.#past.set(old, { ...gathering, own: this.#committed.get(old) })
    }
    while (this.#past.size > PAST_HEIGHTS_MAX) this.#past.delete(this.#past.keys().next().value!)
    for (const old of [...this.#committed.keys()]) if (old <= height) this.#committed.delete(old)
    this.#ports.onCertificate(certificate)
    // What waited above a change of the voters can be certified now.
    if (this.#options.sets.changeHeights.includes(height)) for (const above of [...this.#gathered.keys()].sort((a, b) => b - a)) this.#tryCertify(above)
  }

  /** Oldest first, but for a change of voters: without it nothing above would become final. */
  #forgetOldest(): void {
    const change = this.uncertifiedChange
    for (const height of this.#committed.keys()) if (height !== change) return this.#forget(height)
  }

  #forget(height: number): void {
    this.#committed.delete(height)
    this.#gathered.delete(height)
  }

  async #attest(): Promise<void> {
    if (this.#attesting || this.#stopped) return
    this.#attesting = true
    try {
      while (this.#nextToAttest() !== undefined) {
        if (this.#restMs > 0) await this.#rest()
        const next = this.#nextToAttest()
        if (next === undefined || this.#stopped) return
        await this.#attestTo(next)
      }
    } catch (error) {
      this.#ports.onFailure(error)
    } finally {
      this.#attesting = false
    }
  }

  async #rest(): Promise<void> {
    const { isBusy = () => false, timers = processTimers } = this.#ports
    for (let rests = 0, seen = -1; rests < RESTS_MAX && (seen !== this.#newestCommitted || isBusy(seen)); rests++) {
      seen = this.#newestCommitted
      await new Promise<void>((resolve) => { timers.after(resolve, this.#restMs) })
      if (this.#stopped) return
    }
  }

  /** The roundest height above the last attested one: members that skip differently still meet there. */
  #nextToAttest(): AttestationContent | undefined {
    let best: number | undefined
    // A block that changes the voters is never skipped: only its own voters can make it final. Once the others have, it holds nothing back here.
    const done = Math.max(this.#attestedHeight, this.finalHeight)
    const change = this.#options.sets.changeHeights.find((height) => height > done && this.#votesAt(height)) ?? Infinity
    for (const height of this.#committed.keys()) {
      if (height <= this.#attestedHeight || height > change || !this.#votesAt(height)) continue
      if (height === change) return this.#committed.get(height)
      if (best === undefined || roundness(height) >= roundness(best)) best = height
    }
    return best === undefined ? undefined : this.#committed.get(best)
  }

  /** A learner attests to nothing, nor does a node whose vote was taken or whose key is another at that height. */
  #votesAt(height: number): boolean {
    const { node: own, signer } = this.#options
    return this.#options.sets.membersAt(BigInt(height)).voters.some(({ node, attestationKey }) => node === own && equalBytes(attestationKey, signer.publicKey))
  }

  async #attestTo(content: AttestationContent): Promise<void> {
    const signature = this.#options.signer.sign(this.#signedBytes(content))
    const attestation: Attestation = { content, node: this.#options.node, signature }
    const bytes = encode(attestationSchema, attestation)
    this.#lastAttested = attestation // Set before the write: nothing else is ever signed at this height, written or not.
    await this.#ports.persistAttestation(bytes, Number(content.height))
    if (this.#stopped) return
    this.#ports.broadcast(bytes)
    if (Number(content.height) > this.finalHeight) this.#keep(attestation)
  }
}

function wordsOf(gathering: Gathering | undefined): Attestation[] {
  return gathering === undefined ? [] : [...gathering.byNode.values(), ...gathering.second.values()]
}

function signaturesOf(attestations: readonly Attestation[]): Certificate['signatures'] {
  return attestations.map(({ node, signature }) => ({ node, signature })).sort((a, b) => a.node - b.node)
}

function roundness(height: number): number {
  let zeros = 0
  for (let rest = height; rest % 2 === 0 && rest > 0; rest /= 2) zeros++
  return zeros
}

function sameContent(a: AttestationContent, b: AttestationContent): boolean {
  return a.height === b.height && a.epoch === b.epoch && a.term === b.term && equalBytes(a.block, b.block) && equalBytes(a.stateRoot, b.stateRoot) && equalBytes(a.memberSet, b.memberSet)
}
