/** Codes of privacy/: what each means and what to do next. docs/errors.md is generated from these tables. */
export const PRIVACY_ERRORS = {
  TAG_INPUT_INVALID: 'A tag key has the wrong length, or a kind, system or value holds a zero character; correct the input.',
  SECTION_INPUT_INVALID: 'A key, salt, id or size given to section encryption has the wrong length or range; correct the input.',
  SECTION_TOO_LARGE: 'The section is larger than a section may be; split it into several sections.',
  SECTION_SECRET_USED: 'The same section secret was offered for a second encryption; draw a fresh one, a key encrypts one section once.',
  SECTION_BLOB_MISMATCH: 'The chunk hashes do not give the blob id on the ledger; fetch the list from another vault.',
  SECTION_COMMITMENT_MISMATCH: 'Key, salt, digest or place do not give the commitment on the ledger; the sealed key is not the key of this section.',
  SECTION_CHUNK_MISMATCH: 'A chunk is not the one the commitment covers (damaged, swapped or reordered); fetch it from another vault.',
  SECTION_TRUNCATED: 'The stream ended before the last chunk; resume from the chunk named in the details.',
  SECTION_EXTRA_CHUNK: 'The stream went on after the last chunk; its source is faulty.',
  SECTION_DECRYPT_FAILED: 'A chunk that matches the commitment does not open under this key; the writer of the record encrypted it wrongly.',
  SECTION_DIGEST_MISMATCH: 'The plaintext is not what the commitment covers; discard everything that was read.',
  SEAL_INPUT_INVALID: 'A key to seal to, or the thing to seal, has the wrong length or form; correct the input.',
  SEAL_OPEN_FAILED: 'The sealed bytes do not open: another key, another request, or altered bytes.',
  DETAILS_NOT_RECIPIENT: 'The sealed details were not sealed to this key.',
  DETAILS_HASH_MISMATCH: 'The sealed details are not the ones the decision on the ledger commits to.',
  DETAILS_MALFORMED: 'The sealed details opened, but what is inside is not audit details.',
  MASK_KEY_INVALID: 'A contributor of a joint release offered a public key of small order, with which nothing is secret; leave it out of the next request, and ask it why.',
  MASK_INPUT_INVALID: 'Counts and masks of a joint release have different or too great lengths; the definition may be too fine for a joint release.',
  LINKAGE_POINT_INVALID: 'A site of a question that links persons sent bytes that are no point of the group, or the neutral element; nothing was counted. Ask that site why.',
  LINKAGE_POINT_TWICE: 'A ciphertext stands twice in the lists of a question that links persons: it was copied. Nothing was counted; ask the site why.',
  LINKAGE_KEY_UNPROVEN: 'A site of a question that links persons did not prove that it knows the secret of its key: it may want to open what the others encrypt. Nothing was entered.',
  LINKAGE_TAGGED: 'A person stands more often in the last list than there are sites: somebody entered it several times, to find out who else holds it. The answer is withheld; find out who did it.',
  LINKAGE_TOO_LARGE: 'A question that links persons would have too many elements for a list: fewer persons, fewer sites or a larger epsilon (fewer dummies) make it smaller.',
} as const

export type PrivacyErrorCode = keyof typeof PRIVACY_ERRORS
