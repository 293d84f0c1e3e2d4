/** Codes of agreement: what each means and what to do next (docs/errors.md). */
export const CONSENSUS_ERRORS = {
  CONSENSUS_BUSY: 'Too many transactions wait for their block. Send the same bytes again after a moment.',
  NOT_LEADER: 'This node does not lead now. The node forwards writes by itself; retry if you see this.',
  NO_LEADER: 'No leader is known. A majority of nodes must be up and connected; see readyz.',
  ROOT_MISMATCH: 'Re-executing a block gave another state root than its proposer signed. The details name height and both roots; the node whose software or data differs must be found before it may serve again.',
  BLOCK_INVALID: 'A block broke a rule of the chain. The details name the height and the rule; its proposer is at fault.',
  LEADER_FENCED: 'A majority refused this node\'s blocks. It will not lead until it is restarted with sound software and data.',
  ATTESTATION_CONFLICT: 'The committed chain contradicts what this node attested before. The node stops: compare its data directory with other members\'.',
  EQUIVOCATION: 'One node signed two different things for one height or term. The evidence is kept in the log; inform all members.',
} as const
export type ConsensusErrorCode = keyof typeof CONSENSUS_ERRORS
