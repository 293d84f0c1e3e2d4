import { decodeHeader, headerSigningBytes } from './block.ts'
import { compareBytes, equalBytes } from './bytes.ts'
import { attestationBytes, attestationContent, attestationSchema } from './certificate.ts'
import { bytes, encode, fixedBytes, struct, variant } from './codec.ts'
import type { Infer, Schema } from './codec.ts'
import { SteleError } from './error.ts'
import type { MemberSet, Voter } from './member-set.ts'
import { verify } from './signature.ts'
import { signedVote, voteBytes } from './vote.ts'

const signedHeader = struct({ header: bytes({ max: 2048 }), signature: fixedBytes(64) })
const pair = <T>(of: Schema<T>) => struct({ first: of, second: of })

/**
 * Two statements that one node signed and that no sound node signs both of (DESIGN §5.7): attestations of different blocks at one (epoch, height); headers of different blocks at one
 * (epoch, term, height), for a leader never cuts a height twice in its term; votes for different candidates in one (epoch, term). Headers of one proposer at one height in *different*
 * terms are no evidence: a leader that lost its office and won it again cuts the height anew. `first` is the lower in byte order, so that a pair has one form.
 */
export const evidenceSchema = variant({ attestation: pair(attestationSchema), header: pair(signedHeader), vote: pair(signedVote) })
export type Evidence = Infer<typeof evidenceSchema>
/** Longest canonical evidence, in bytes: two headers with signatures and framing. */
export const EVIDENCE_BYTES_MAX = 8 * 1024

/** What a valid piece proves. `at`: the height, or the term of two votes. One key per misdeed: further pairs of the same say nothing new. */
export interface ProvenEvidence { readonly kind: Evidence['kind']; readonly node: number; readonly member: number; readonly epoch: number; readonly term: number; readonly at: bigint; readonly key: string }

function refuse(rule: string): never {
  throw new SteleError({ code: 'EVIDENCE_INVALID', message: 'the statements do not prove that a node signed two different things', details: { rule } })
}

/** The node that is accused and where, before any signature is checked: what a store that knows the misdeed already looks at. Throws `EVIDENCE_INVALID` or CODEC_*. */
export function accusationOf(evidence: Evidence, sets: readonly MemberSet[]): ProvenEvidence {
  const { node, epoch, term, at, differ } = sidesOf(evidence)
  if (!differ) refuse('the statements differ where a sound node signs one only')
  const [voter] = votersOf(sets, epoch, node)
  if (voter === undefined) return refuse('the signer is a voter of that epoch')
  return { kind: evidence.kind, node, member: voter.member, epoch, term, at, key: `${evidence.kind}:${epoch}:${evidence.kind === 'header' ? `${term}:` : ''}${at}:${node}` }
}

/** Checks a piece of evidence against the member sets the chain has had: both statements under one key that the node had in that epoch. Throws `EVIDENCE_INVALID` or CODEC_*. */
export function verifyEvidence(chain: Uint8Array, sets: readonly MemberSet[], evidence: Evidence): ProvenEvidence {
  const accusation = accusationOf(evidence, sets)
  if (!votersOf(sets, accusation.epoch, accusation.node).some(({ attestationKey }) => signedBy(chain, attestationKey, evidence))) refuse('both statements are signed by the node')
  return accusation
}

/** A node as a voter of an epoch, once for each key it had. */
function votersOf(sets: readonly MemberSet[], epoch: number, node: number): Voter[] {
  const all = sets.filter((set) => set.epoch === epoch).flatMap(({ voters }) => voters.filter((voter) => voter.node === node))
  return all.filter((voter, i) => !all.slice(0, i).some((other) => equalBytes(other.attestationKey, voter.attestationKey)))
}

/** A pair in its one form. */
export function makeEvidence(evidence: Evidence): Evidence {
  const { kind, value: { first, second } } = evidence
  return isOrdered(evidence) ? evidence : { kind, value: { first: second, second: first } } as Evidence
}

function isOrdered({ kind, value: { first, second } }: Evidence): boolean {
  const schema = { attestation: attestationSchema, header: signedHeader, vote: signedVote }[kind] as Schema<unknown>
  return compareBytes(encode(schema, first), encode(schema, second)) < 0
}

interface Sides { readonly node: number; readonly epoch: number; readonly term: number; readonly at: bigint; readonly differ: boolean }

function sidesOf(evidence: Evidence): Sides {
  if (!isOrdered(evidence)) refuse('the statements stand in byte order')
  if (evidence.kind === 'attestation') {
    const { first, second } = evidence.value
    const [a, b] = [first.content, second.content]
    const same = first.node === second.node && a.epoch === b.epoch && a.height === b.height && a.v === 1 && b.v === 1
    return { node: first.node, epoch: a.epoch, term: a.term, at: a.height, differ: same && !equalBytes(encode(attestationContent, a), encode(attestationContent, b)) }
  }
  if (evidence.kind === 'header') {
    const { first, second } = evidence.value
    const [a, b] = [decodeHeader(first.header), decodeHeader(second.header)]
    const same = a.v === 1 && b.v === 1 && a.proposer === b.proposer && a.epoch === b.epoch && a.term === b.term && a.height === b.height && equalBytes(a.chain, b.chain)
    return { node: a.proposer, epoch: a.epoch, term: a.term, at: a.height, differ: same && !equalBytes(first.header, second.header) }
  }
  const [a, b] = [evidence.value.first.content, evidence.value.second.content]
  const same = a.v === 1 && b.v === 1 && a.node === b.node && a.epoch === b.epoch && a.term === b.term
  return { node: a.node, epoch: a.epoch, term: a.term, at: BigInt(a.term), differ: same && a.candidate !== b.candidate }
}

function signedBy(chain: Uint8Array, key: Voter['attestationKey'], { kind, value }: Evidence): boolean {
  if (kind === 'attestation') return [value.first, value.second].every(({ content, signature }) => verify(key, attestationBytes(chain, content), signature))
  if (kind === 'vote') return [value.first, value.second].every(({ content, signature }) => verify(key, voteBytes(chain, content), signature))
  return [value.first, value.second].every(({ header, signature }) => equalBytes(decodeHeader(header).chain, chain) && verify(key, headerSigningBytes(chain, header), signature))
}
