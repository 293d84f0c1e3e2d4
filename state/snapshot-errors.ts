/** Codes of snapshots: what each means and what to do next. */
export const SNAPSHOT_ERRORS = {
  SNAPSHOT_NOT_FOUND: 'There is no such snapshot here, or a file of it is gone. `stele snapshot list` shows what there is.',
  SNAPSHOT_VERSION_UNSUPPORTED: 'The snapshot was made in a format that this program does not know. Use the program that made it, or take the snapshot of a member that runs this one.',
  SNAPSHOT_WRONG_CHAIN: 'The snapshot belongs to another chain. Check which genesis file was given.',
  SNAPSHOT_INVALID: 'The snapshot breaks a rule, which the details name. Nothing of it was taken; fetch it from another member.',
  SNAPSHOT_CHUNK_CORRUPT: 'A part of the snapshot is not the one its manifest names. It was not taken; another member is asked.',
  SNAPSHOT_NOT_CERTIFIED: 'The snapshot\'s block is not final yet, or nothing here proves it. Wait for its certificate, or ask a member that has it.',
  SNAPSHOT_OTHER_BEGUN: 'Another snapshot was begun in this place. Finish it, or delete what was begun.',
  SNAPSHOT_UNAVAILABLE: 'No member serves the missing parts of the snapshot now. The node asks again by itself.',
  SNAPSHOT_NOT_NEEDED: 'This node already holds what the snapshot would bring.',
} as const

export type SnapshotErrorCode = keyof typeof SNAPSHOT_ERRORS
