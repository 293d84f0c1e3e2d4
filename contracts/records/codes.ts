export const RECORDS_CODES = {
  REGISTER_NOT_PERMITTED: 'the caller is neither the subject\'s custodian nor holds a consent and role for writing; an unknown subject answers alike',
  VERSION_NOT_NEXT: 'a new record starts at version 1, a known one of this subject goes on at its newest version + 1',
  PROVENANCE_MISMATCH: 'version 1 is created or imported; later versions correct, append or import',
  PROVENANCE_IN_FUTURE: 'the record was made more than ten minutes after block time',
  TAGS_UNORDERED: 'a section\'s tags must be strictly ascending and a multiple of 16 in number',
  CUSTODIANS_UNORDERED: 'the custodians must be strictly ascending',
  CUSTODIAN_WITHOUT_RECEIPT: 'a custodian has no storage receipt from a node of its own',
  RECEIPTS_TOO_FEW: 'storage receipts from nodes of too few distinct members',
  RECEIPT_DUPLICATE: 'two storage receipts name one node',
  RECEIPT_NODE_UNKNOWN: 'a storage receipt names a node that the ledger does not know',
  RECEIPT_INVALID: 'a storage receipt\'s signature does not fit its node\'s attestation key and this record version',
} as const
