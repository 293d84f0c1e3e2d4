/** Codes of primitives/: formats, proofs and certificates. What each means; what to do next. docs/errors.md is generated from this table. */
export const PRIMITIVES_ERRORS = {
  INVARIANT_BROKEN: 'Something that must always hold does not: a bug of this program. The process ends before it writes anything more; report it with its stack.',

  CODEC_TOO_LARGE: 'The bytes are longer than their kind may be; the details name the limit. Split the content.',
  CODEC_MALFORMED: 'The bytes are not the encoding they claim to be; the details name the place. Build them with the client.',
  CODEC_VALUE_INVALID: 'A value does not fit its schema; the details name the field and the rule. Correct that field.',
  CODEC_NOT_CANONICAL: 'The bytes decode, but are not the one canonical encoding of their value. Encode them again with the client.',

  TX_VERSION_UNKNOWN: 'The transaction has a version that this node does not know. Update the node or the client.',
  TX_SIGNATURES_MISMATCH: 'The list of signatures does not match the signers named in the body, one for one and in order.',
  TX_KEY_UNKNOWN_ALGORITHM: 'A signer names a signature algorithm other than Ed25519 (1).',

  SIGNATURE_SELF_TEST_FAILED: 'The signature library of this build accepts or refuses other signatures than ZIP215 does. Do not run it: the node would part from the others.',

  REQUEST_AUTH_INVALID: 'The `auth` of a private read is not a signed request. Make it with the client.',
  REQUEST_PARAMS_INVALID: 'Parameters of a signed request hold something that has no one JSON form: floats, integers beyond 2^53, or no JSON at all.',

  GENESIS_INVALID: 'The file is no genesis file, or contradicts itself: ids or names twice, a certification that does not verify, limits out of range. The details name the rule.',

  CERTIFICATE_VERSION_UNKNOWN: 'The certificate has a version that this verifier does not know. Update the verifier.',
  CERTIFICATE_WRONG_MEMBER_SET: 'The certificate was made by other members than the verifier expects. Compare the genesis files.',
  CERTIFICATE_SIGNER_UNKNOWN: 'Someone signed the certificate who has no vote at this height. The certificate proves nothing.',
  CERTIFICATE_SIGNER_TWICE: 'One signer stands twice in the certificate, or the signers are out of order. The certificate proves nothing.',
  CERTIFICATE_TOO_FEW: 'The certificate has fewer attestations than finality needs. The block may become final later; the proof in hand does not show it.',
  CERTIFICATE_SIGNATURE_INVALID: 'An attestation in the certificate does not verify. Do not trust where it came from.',

  HISTORY_INVALID: 'A step in the chain of member sets does not follow from the set before it; the details name the rule. Ask another node for the chain.',
  HISTORY_INCOMPLETE: 'No member set is known for the epoch and height of the proof. Fetch the chain of member sets up to that height.',
  RECOVERY_INVALID: 'The recovery statement contradicts itself or the member set before it; the details name the rule. It opens nothing.',
  RECOVERY_TOO_FEW: 'Too few members have signed the recovery statement with their governance keys. Gather more signatures.',
  RECOVERY_SIGNATURE_INVALID: 'A signature under the recovery statement does not verify, names no voter, or stands there twice. It opens nothing.',

  EVIDENCE_INVALID: 'Two statements are offered as evidence and prove nothing: they are equal, of different places, or not both signed by the node. The details name the rule.',

  STATE_KEY_INVALID: 'The name or parts of a state key do not fit the table; the details name the part. See docs/spec.',

  PROOF_VERSION_UNKNOWN: 'The proof or its header has a version that this verifier does not know. Update the verifier.',
  PROOF_WRONG_CHAIN: 'The proof belongs to another chain. Check which genesis file was given.',
  PROOF_WRONG_BLOCK: 'Certificate, header and receipt do not speak of the same block. The proof shows nothing.',
  PROOF_NOT_AN_ANCESTOR: 'The block of the receipt is not in the history of the certified block. The proof shows nothing.',
  PROOF_LEAF_NOT_IN_BLOCK: 'The receipt is not in the block it names: one of the two was altered.',
  PROOF_EMPTY: 'The proof bundle has neither a receipt nor a state proof. Ask the node for one of them.',
  PROOF_DIGEST_MISMATCH: 'The proof bundle was changed or damaged after it was written. Fetch it again.',
  PROOF_OTHER_ANCHOR: 'The proof bundle begins elsewhere than the verifier\'s trust: at genesis or at another checkpoint. The details name where; fetch a bundle for the anchor you hold.',
  PROOF_STATE_INVALID: 'The state proof does not lead to the state root of its block: value, key or path were altered.',
} as const

export type PrimitivesErrorCode = keyof typeof PRIMITIVES_ERRORS
