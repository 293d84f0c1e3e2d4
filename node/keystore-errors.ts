/** Codes of the keystore: what each means and what to do next. docs/errors.md is generated from these tables. */
export const KEYSTORE_ERRORS = {
  KEYSTORE_NOT_FOUND: 'There is no keystore file at this path; make one with `stele keygen`.',
  KEYSTORE_EXISTS: 'A keystore file is at this path already; it is never overwritten. Choose another path or move it away.',
  KEYSTORE_MODE: 'The keystore file can be read or written by others; run `chmod 600` on it, and change the keys if others may have read it.',
  KEYSTORE_MALFORMED: 'The file is not a keystore of a version this program knows; the field is in the details.',
  KEYSTORE_WRONG_PASSPHRASE: 'The passphrase is not the one of this keystore, which the details name. Nobody can restore a lost one.',
  KEYSTORE_DAMAGED: 'The passphrase is right, but the keystore was altered or damaged; restore it from a backup.',
  KEYSTORE_KIND: 'The keystore holds keys of another kind than needed here.',
  PASSPHRASE_MISSING: 'No passphrase was given: name a file (`--passphrase-file`, or `passphraseFile` in the configuration), set STELE_PASSPHRASE, or run in a terminal to be asked.',
  PASSPHRASE_INVALID: 'The passphrase is empty, longer than 1,024 bytes, or not text.',
} as const

export type KeystoreErrorCode = keyof typeof KEYSTORE_ERRORS
