/** Codes of `stele verify`: what each means and what to do next. The first group is thrown, the second stands in a report's findings. */
export const VERIFY_ERRORS = {
  VERIFY_NO_DATA: 'There is no ledger in this folder, or this user may not read it (details: reason); name a node\'s data folder (it holds ledger/ and state/), or the folder with its config.yaml.',
  VERIFY_GENESIS_MISSING: 'No genesis file was found near the folder, and nothing can be verified without one; name it with --genesis FILE. Take it from a source you trust, not from the node.',
  VERIFY_DAMAGED: 'The folder is not sound; the findings say what and where. Keep it: start the node, which fetches from its peers what it can. When it does not start either, let the members give the institution another node; never start an older copy of the folder (docs/membership.md).',

  LEDGER_DAMAGED: 'Bytes of the ledger are not as they were written. Start the node: it opens in repair mode and fetches intact copies from its peers.',
  LEDGER_TORN: 'Bytes stand after the last record that is known to be durable: what a power failure leaves of a batch nobody acknowledged, or an altered tail. Opening the ledger cuts it; then verify again.',
  CERTIFICATE_OTHER_BLOCK: 'A certificate or attestation in the ledger is for a block that is not at that height here. Keep the folder: it is evidence; compare the block\'s hash with the other members.',
  EVIDENCE_DAMAGED: 'A line of evidence.ndjson proves nothing: it was cut short by a crash, or altered. Ask the other members for theirs.',
  STATE_FILE_DAMAGED: 'A file of the state database does not match its checksums. The state can be made anew: stop the node, move the state folder away, start it.',
  STATE_BEHIND: 'The state stands above what the ledger holds: the two folders do not belong together, or the ledger lost its end.',
  INDEX_DAMAGED: 'A row of the indexes is missing, altered or too many. The state folder can be made anew from the ledger: stop the node, move it away, start it.',
} as const
