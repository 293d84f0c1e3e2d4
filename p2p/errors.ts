import { SteleError } from '../primitives/error.ts'

/** Codes of the network: what each means and what to do next. docs/errors.md is generated from this table. */
export const P2P_ERRORS = {
  P2P_LISTEN_FAILED: 'The network listener could not open its address. Is another process using the port? The details name the addresses.',
  P2P_ADDRESS_INVALID: 'An address is not a TCP multiaddress such as /ip4/10.0.0.5/tcp/7001 or /dns4/node.example.org/tcp/7001.',
  P2P_KEY_INVALID: 'The transport secret must be an Ed25519 seed of 32 bytes.',
  P2P_ROSTER_INVALID: 'The list of nodes contradicts itself: node ids and transport keys must be distinct.',
  P2P_NOT_STARTED: 'The network is not started, or is stopping.',
  P2P_UNREACHABLE: 'There is no connection to this node now. Connections are retried without end; ask another node meanwhile.',
  P2P_TIMED_OUT: 'The other node did not answer in time. Ask another node.',
  P2P_ABORTED: 'The caller gave the request up.',
  P2P_CONNECTION_LOST: 'The connection broke before the answer was complete. Ask again, or ask another node.',
  P2P_BUSY: 'The other node has too many requests of this node open. Retry after a moment.',
  P2P_METHOD_UNKNOWN: 'The other node does not know this request. It may run an older version.',
  P2P_REMOTE_REFUSED: 'The other node refused the request. The details carry its code.',
  P2P_REMOTE_FAILED: 'The other node failed while it answered. Ask another node.',
  P2P_ANSWER_TOO_LARGE: 'The answer was larger than the caller allows, and was cut off.',
  P2P_MESSAGE_TOO_LARGE: 'A message to send is larger than its channel allows. Cut smaller batches.',
  P2P_FRAME_TOO_LARGE: 'A peer announced a frame larger than its channel allows. The stream was reset.',
  P2P_FRAME_VERSION: 'A peer sent a frame of a version this node does not speak. Do all nodes run compatible versions?',
  P2P_FRAME_GARBLED: 'A peer sent a frame that cannot be read. The stream was reset.',
  P2P_WRONG_CHAIN: 'A peer belongs to another chain. Compare the genesis files of both nodes.',
  P2P_WRONG_NODE: 'A peer named another node id than its transport key has on the ledger, or reached for another node than this one.',
  P2P_GOSSIP_REJECTED: 'A peer relayed, or handed over, a message that its topic forbids.',
  P2P_GOSSIP_FLOOD: 'A peer relays messages faster than they can be checked. What is too much is dropped.',
  P2P_ANSWER_WRONG: 'A peer answered with something that contradicts its digest or its proof. It counts against the peer, and another one is asked.',
  P2P_STATEMENT_REJECTED: 'A peer sent or passed on an attestation or a vote that does not hold. It counts against the peer.',
  P2P_REQUEST_FLOOD: 'A peer sends requests faster than its allowance. What is too much is refused.',
} as const
export type P2pErrorCode = keyof typeof P2P_ERRORS

export function p2pError(code: P2pErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown, retryable = false): SteleError {
  return new SteleError({ code, message, details, cause, retryable })
}

/** What follows from a fault: nothing, a mark against the peer, or the end of its connection and a ban. */
export type FaultAction = 'ignore' | 'reject' | 'disconnect'

/** A remote did wrong. The action is decided where the fault is seen; whoever holds the peer carries it out. */
export class PeerFault extends SteleError {
  readonly action: FaultAction

  constructor(code: P2pErrorCode, action: FaultAction, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super({ code, message, details })
    this.name = 'PeerFault'
    this.action = action
  }
}

/** What to reset a stream or connection with: libp2p wants an error for every abrupt close. */
export function closeReason(text: string): Error {
  const error = new Error(text)
  error.name = 'AbortError'
  return error
}
