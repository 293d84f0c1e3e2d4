/** Codes of a node that differs from the cluster and serves nothing: what each means and what to do next. */
export const HOLD_ERRORS = {
  HOLD_NONE: 'There is no hold in this data folder. Check which configuration was given.',
  HOLD_FORKED: 'This node has committed another block than the cluster certified: its ledger is a fork, which no start makes undone. Keep the folder, it is evidence; replace the node under a new id (docs/byzantine.md).',
  HOLD_UNREADABLE: 'The note why this node is held (hold.json) cannot be read; the node stays held. Look at the log for the reason; move the file away only when you know it.',
} as const

export type HoldErrorCode = keyof typeof HOLD_ERRORS
