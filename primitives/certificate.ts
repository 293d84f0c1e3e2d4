import { equalBytes, toHex } from './bytes.ts'
import { array, encode, fixedBytes, struct, u32, u64 } from './codec.ts'
import type { Infer } from './codec.ts'
import { SteleError } from './error.ts'
import { domainBytes } from './hash.ts'
import { certificateQuorum, memberSetHash } from './member-set.ts'
import type { MemberSet } from './member-set.ts'
import { verify } from './signature.ts'

/** What a member vouches for, after commit: this block, at this height, with this state (DESIGN §5.7). */
export const attestationContent = struct({
  v: u32, epoch: u32, height: u64, term: u32, block: fixedBytes(32), stateRoot: fixedBytes(32), memberSet: fixedBytes(32),
})
export type AttestationContent = Infer<typeof attestationContent>

/** An attestation on the wire: content, the signing node and its signature. */
export const attestationSchema = struct({ content: attestationContent, node: u32, signature: fixedBytes(64) })
export type Attestation = Infer<typeof attestationSchema>

/** A quorum of attestations to one block. It makes that block and every ancestor final. Signatures ascend by node id. */
export const certificateSchema = struct({
  content: attestationContent,
  signatures: array(struct({ node: u32, signature: fixedBytes(64) }), { min: 1, max: 64 }),
})
export type Certificate = Infer<typeof certificateSchema>

export function attestationBytes(chain: Uint8Array, content: AttestationContent): Uint8Array {
  return domainBytes('attestation', chain, encode(attestationContent, content))
}

/**
 * Checks a certificate against the voters of its height. Throws `CERTIFICATE_VERSION_UNKNOWN`,
 * `CERTIFICATE_WRONG_MEMBER_SET`, `CERTIFICATE_SIGNER_UNKNOWN`, `CERTIFICATE_SIGNER_TWICE` (also when signers are not in ascending order),
 * `CERTIFICATE_TOO_FEW` or `CERTIFICATE_SIGNATURE_INVALID`. One bad signature spoils the certificate: honest gatherers never include one.
 */
export function verifyCertificate(chain: Uint8Array, set: MemberSet, certificate: Certificate): void {
  const { content, signatures } = certificate
  if (content.v !== 1) throw new SteleError({ code: 'CERTIFICATE_VERSION_UNKNOWN', message: 'this verifier does not know this attestation version', details: { version: content.v } })
  if (content.epoch !== set.epoch || !equalBytes(content.memberSet, memberSetHash(chain, set))) {
    throw new SteleError({ code: 'CERTIFICATE_WRONG_MEMBER_SET', message: 'the certificate was made by another member set', details: { height: Number(content.height), memberSet: toHex(content.memberSet) } })
  }
  const keys = signatures.map(({ node }, i) => {
    const voter = set.voters.find((candidate) => candidate.node === node)
    if (voter === undefined) throw new SteleError({ code: 'CERTIFICATE_SIGNER_UNKNOWN', message: 'a signer is not a voter of this height', details: { node } })
    if (i > 0 && signatures[i - 1]!.node >= node) throw new SteleError({ code: 'CERTIFICATE_SIGNER_TWICE', message: 'signers must be distinct and ascending', details: { node } })
    return voter.attestationKey
  })
  const needed = certificateQuorum(set.voters.length)
  if (signatures.length < needed) {
    throw new SteleError({ code: 'CERTIFICATE_TOO_FEW', message: 'too few attestations for finality', details: { signatures: signatures.length, needed, voters: set.voters.length } })
  }
  const message = attestationBytes(chain, content)
  signatures.forEach(({ node, signature }, i) => {
    if (!verify(keys[i]!, message, signature)) throw new SteleError({ code: 'CERTIFICATE_SIGNATURE_INVALID', message: 'an attestation signature does not verify', details: { node } })
  })
}
