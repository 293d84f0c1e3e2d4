/** Codes of the ledger files: what each means and what to do next. docs/errors.md is generated from this table. */
export const LEDGER_ERRORS = {
  LEDGER_LOCKED: 'Another process uses this data directory. Stop it (its pid is in the details) or give this node its own directory.',
  LEDGER_WRONG_CHAIN: 'The ledger in this directory belongs to another chain. Point the node at the right directory or the right genesis.',
  LEDGER_VERSION_UNSUPPORTED: 'A segment was written in a format this version cannot read. Start the version of Stele that wrote it.',
  LEDGER_MISSING: 'There is no ledger in this directory. Check the path; a node makes its ledger when it is started for the first time.',
  LEDGER_DAMAGED: 'Durable bytes of the ledger do not match their checksums. Nothing more is served; restart the node, it opens in repair mode and names the height.',
  LEDGER_UNREPAIRABLE: 'Damage covers this node\'s own vote, term or last attestation, which no other node knows. Keep the directory as evidence, and let the members give this institution another node (`stele member card --renew node`, `stele member propose replace`; docs/membership.md). Starting it again does not help.',
  LEDGER_REPAIR_MISMATCH: 'The offered entry is not the one that was lost (term, hash, length or checksum differ). Fetch it from another member.',
  LEDGER_REPAIR_INCOMPLETE: 'The offered committed entries do not cover everything this node acknowledged. Fetch from the first lost index up to the required last index.',
  LEDGER_WRITE_FAILED: 'Writing or syncing the ledger failed (disk full or broken). The process must end; free space or replace the disk, then start again.',
  LEDGER_BUSY: 'Too many bytes wait for the disk. Try again when earlier appends have resolved.',
  LEDGER_COMPACTED: 'The entry lies before the first index that this ledger holds. Fetch it from another member.',
  LEDGER_CLOSED: 'The ledger was closed. Open it again before use.',
  LEDGER_ENTRY_TOO_LARGE: 'The entry or record does not fit into one segment. Lower the block limit or raise `segmentBytes`.',
} as const

export type LedgerErrorCode = keyof typeof LEDGER_ERRORS
