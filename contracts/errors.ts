/** Errors that contracts throw; receipt codes are in each contract's `codes.ts`. All of these are bugs, wrong set-ups or a program that is too old, never outcomes of a call. */
export const CONTRACT_ERRORS = {
  CONTRACT_ACTIVATION_INVALID: 'the compiled-in list of contract versions is out of order; a bug in this build',
  CONTRACT_VERSION_MISSING: 'the members have voted that blocks from this height on run a contract version which this program lacks; install a program that holds it and start the node again, its data are sound',
  GENESIS_STATE_INVALID: 'genesis names a purpose or role that this build does not know; correct the policy in the genesis file',
  STATE_INCOMPLETE: 'the state lacks what genesis writes; the data directory does not belong to this build or is damaged: run verify',
  STATE_VALUE_DAMAGED: 'a stored value does not fit its table; the store is damaged or written by another build: run verify',
  WINDOW_LAYER_ORDER: 'a block\'s replay layer was flushed before its parent\'s; a bug in the applier',
} as const
