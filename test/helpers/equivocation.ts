import { encodeHeader, headerSigningBytes, decodeHeader } from '../../primitives/block.ts'
import { attestationBytes, type Attestation, type AttestationContent } from '../../primitives/certificate.ts'
import type { Evidence } from '../../primitives/evidence.ts'
import type { Signer } from '../../primitives/signature.ts'
import { voteBytes, type SignedVote } from '../../primitives/vote.ts'
import { attesterOf, SampleChain } from '../../docs/spec/sample-chain.ts'

export const sample = new SampleChain([1, 1, 1])
const { chain } = sample

export const signAttestation = (of: Uint8Array, node: number, signer: Signer, content: AttestationContent): Attestation => ({ content, node, signature: signer.sign(attestationBytes(of, content)) })
export function signVote(of: Uint8Array, signer: Signer, content: Omit<SignedVote['content'], 'v' | 'epoch' | 'lastBlock'>): SignedVote {
  const whole = { v: 1, epoch: 0, lastBlock: new Uint8Array(32), ...content }
  return { content: whole, signature: signer.sign(voteBytes(of, whole)) }
}

export const attestation = (node: number, height: number, changes: Partial<AttestationContent> = {}): Attestation =>
  signAttestation(chain, node, attesterOf(node), { ...sample.block(height).attestation, ...changes })
export const vote = (node: number, candidate: number, term = 7): SignedVote => signVote(chain, attesterOf(node), { term, node, candidate })
export function header(height: number, changes: Partial<ReturnType<typeof decodeHeader>> = {}, signer = attesterOf(1)): { readonly header: Uint8Array; readonly signature: Uint8Array } {
  const bytes = encodeHeader({ ...decodeHeader(sample.block(height).header), ...changes })
  return { header: bytes, signature: signer.sign(headerSigningBytes(chain, bytes)) }
}
const OTHER = new Uint8Array(32).fill(7)

/** One true piece of every kind, in either order of its statements. */
export const PIECES: readonly Evidence[] = [
  { kind: 'attestation', value: { first: attestation(2, 3), second: attestation(2, 3, { block: OTHER }) } },
  { kind: 'header', value: { first: header(3), second: header(3, { timeMs: 1_760_000_000_000n }) } },
  { kind: 'vote', value: { first: vote(3, 1), second: vote(3, 2) } },
]
