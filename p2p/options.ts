const KIB = 1024
const MIB = 1024 * KIB

/** Settings of a node's network. Times are in ms, sizes in bytes. */
export interface P2pOptions {
  /** TCP multiaddresses to listen on. The default is a free port of the loopback address: opening to others is a decision, not a default. */
  readonly listen: readonly string[]
  /** Longest one attempt to connect, over all addresses of a node. Too short fails over slow links; too long delays the next address. */
  readonly dialTimeoutMs: number
  /** First wait after a failed attempt; doubles up to `backoffMsMax`, less a random part. Too short wastes CPU while a node is down. */
  readonly backoffMsMin: number
  /** Longest wait between attempts. Too long keeps a node that came back waiting. */
  readonly backoffMsMax: number
  /** How long the node with the higher id lets the other one dial first, so that two seldom dial at once. */
  readonly higherIdDelayMs: number
  /** A connection that lived this long counts as good: the next attempt starts without waiting. Shorter-lived ones (a refused chain, a ban) go on backing off. */
  readonly stableMs: number
  /** How often an idle connection is probed, and how long a probe may take before the connection counts as dead. Too short drops connections of a busy process. */
  readonly probeIntervalMs: number
  readonly probeTimeoutMs: number
  /** Connections at most, members and handshakes together. */
  readonly connectionsMax: number
  /** New connections per second that one host address may open. Too low locks nodes behind one address out; too high lets strangers burn CPU on handshakes. */
  readonly inboundPerSecondMax: number
  /** Time within which a newcomer must have proved its key. */
  readonly handshakeTimeoutMs: number
  /** Points at which a peer is cut off, and for how long: see `scores.ts`. */
  readonly faultPointsMax: number
  readonly banMs: number
  readonly raft: RaftChannelOptions
  readonly gossip: GossipOptions
  readonly sync: SyncOptions
}

/** Bounds of the two Raft streams of a peer. What is over the bound is dropped, and Raft sends it again. */
export interface RaftChannelOptions {
  readonly controlFrameBytesMax: number
  /** Must hold a full block and its entry's header. */
  readonly appendFrameBytesMax: number
  readonly controlQueueMessagesMax: number
  readonly controlQueueBytesMax: number
  /** Too small stalls the leader on a slow link; too large keeps blocks in memory for a node that does not read. */
  readonly appendQueueMessagesMax: number
  readonly appendQueueBytesMax: number
}

/** Bounds of gossip. */
export interface GossipOptions {
  /** Largest message. A batch of transactions must be cut below it. */
  readonly messageBytesMax: number
  /** Messages of one peer that may wait for their verdict; more are dropped and marked. */
  readonly pendingMessagesMax: number
  readonly pendingBytesMax: number
  /** How often the mesh is tended and missing messages are asked for. */
  readonly heartbeatMs: number
}

/** Bounds of requests between nodes. */
export interface SyncOptions {
  readonly frameBytesMax: number
  /** Requests between two nodes that may run at once in one direction. The asking side queues the rest; the answering side refuses more as busy. */
  readonly concurrentPerPeerMax: number
  /** Requests that may wait at the asking side; more fail as busy at once. */
  readonly queuedPerPeerMax: number
  /** Requests per second one peer may send on average, and at once after a pause. */
  readonly requestsPerSecond: number
  readonly requestsBurst: number
  /** Longest a handler may take to the next piece of its answer, and the caller's side to take that piece. */
  readonly handlerTimeoutMs: number
  /** Longest a caller waits for a whole answer, or for the next item of a stream, unless it says otherwise. */
  readonly requestTimeoutMs: number
  /** Largest complete answer unless the caller says otherwise. */
  readonly answerBytesMax: number
  /** How long an unused stream is kept for the next request. */
  readonly idleStreamMs: number
}

export const DEFAULT_P2P: P2pOptions = {
  listen: ['/ip4/127.0.0.1/tcp/0'],
  dialTimeoutMs: 5_000,
  backoffMsMin: 100,
  backoffMsMax: 10_000,
  higherIdDelayMs: 300,
  stableMs: 2_000,
  probeIntervalMs: 5_000,
  probeTimeoutMs: 8_000,
  connectionsMax: 128,
  inboundPerSecondMax: 50,
  handshakeTimeoutMs: 5_000,
  faultPointsMax: 100,
  banMs: 10_000,
  raft: {
    controlFrameBytesMax: 64 * KIB,
    appendFrameBytesMax: 1.25 * MIB + 64 * KIB,
    controlQueueMessagesMax: 256,
    controlQueueBytesMax: 1 * MIB,
    appendQueueMessagesMax: 64,
    appendQueueBytesMax: 16 * MIB,
  },
  gossip: { messageBytesMax: 512 * KIB, pendingMessagesMax: 256, pendingBytesMax: 8 * MIB, heartbeatMs: 1_000 },
  sync: {
    frameBytesMax: 1.25 * MIB,
    concurrentPerPeerMax: 64,
    queuedPerPeerMax: 1_024,
    requestsPerSecond: 5_000,
    requestsBurst: 5_000,
    handlerTimeoutMs: 30_000,
    requestTimeoutMs: 10_000,
    answerBytesMax: 16 * MIB,
    idleStreamMs: 30_000,
  },
}
