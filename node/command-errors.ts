/** Codes of the command line alone: what each means and what to do next. */
export const COMMAND_ERRORS = {
  USAGE_DATA_MISSING: 'The command does not know what to verify; give --data DIR, `receipt FILE` or `proof FILE`.',
  USAGE_GENESIS_MISSING: 'A receipt is judged by a genesis file; give --genesis FILE, from a source you trust and not from the node.',
  USAGE_ADDRESS: 'An address is no multiaddress that other nodes could dial, such as /ip4/203.0.113.5/tcp/9000 or /dns4/node.example.org/tcp/9000.',
  USAGE_CHOICE: 'Options that exclude each other, or none of those of which one is needed; the message says which.',
  OUTPUT_EXISTS: 'A file is there already and is never overwritten; choose another path or move it away.',
  MEMBER_FILE_INVALID: 'A member file is not the member.json that `stele keygen` wrote; details name file, path and rule. Ask that member for it again.',
  PASSPHRASE_DIFFERS: 'The passphrase was typed differently the second time; nothing was written.',
  TX_FILE_INVALID: 'The file holds no signed transaction: its bytes, their hex, or JSON with `transaction` in hex.',
  RECEIPT_UNREADABLE: 'The file is no receipt: JSON with `bundle` in hex (what `stele tx receipt` printed), the hex alone, or the bytes.',
  BUNDLE_UNREADABLE: 'The file of the proof bundle is absent, empty or too large; name what `stele proof --out` wrote.',
  RECEIPT_NOT_FINAL: 'The receipt was taken before its block was final, so it proves nothing yet; wait (stele tx wait ID) and fetch it again.',
  USAGE_MEMBERSHIP: 'The membership command lacks an option, or the card does not fit the present members; the message says what is needed.',
  PREFLIGHT_UNSAFE: 'The change would leave too few voters that answer, or another change is not complete; the details say why. Bring nodes up, or wait, and try again.',
  PROPOSAL_NOT_ACCEPTED: 'The members rejected the proposal, it was withdrawn, or its time passed. `stele member list` shows the votes.',
  VERIFY_INTERRUPTED: 'The verification was interrupted; the folder is as it was.',
} as const
