/** Codes of the custodian and of the door through which an importer hands it keys. docs/errors.md is generated from these tables. */
export const CUSTODIAN_ERRORS = {
  CUSTODIAN_NOT_OPERATOR: 'The operator keystore does not hold the operator key of this member in genesis; check `member` and `operator` in the configuration.',
  CUSTODIAN_SOCKET_LONG: 'The path of the socket is longer than the system allows; set `socket` to a shorter one.',
  CUSTODIAN_UNREACHABLE: 'No custodian answers at its socket; start `stele custodian` with the same configuration file.',
  CUSTODIAN_REFUSED: 'The custodian did not keep what it was given; the details hold its own code, its log says more.',
  CUSTODIAN_NOT_A_PERMIT: 'What the node offered as a permit proves to be none; do not trust that node.',
  CUSTODIAN_HEADS_INVALID: 'The node says the permit holds, but the signed heads it shows do not carry that; do not trust that node.',
  CUSTODIAN_CURSOR_DAMAGED: 'The file that remembers the last permit is damaged; delete it and the custodian goes through live permits again.',
} as const
export type CustodianErrorCode = keyof typeof CUSTODIAN_ERRORS
