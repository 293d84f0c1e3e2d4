import type { Transport } from '../consensus/ports.ts'
import type { Logger } from '../primitives/ports.ts'
import { PeerFault } from '../p2p/errors.ts'
import type { RaftProtocol } from '../p2p/raft-protocol.ts'

/** First byte of a control frame that carries an attestation; Raft's own messages begin with their wire version. */
const ATTESTATION_FRAME = 0x40
/** The same for a signed vote that its receiver passes on. */
const VOTE_FRAME = 0x41
/** The sender's wall clock, u64 ms. */
const CLOCK_FRAME = 0x42
/** Where the sender stands. */
const PRESENCE_FRAME = 0x43

export interface RaftLinesHandlers {
  readonly onAttestation: (from: number, bytes: Uint8Array) => void
  readonly onVote: (from: number, bytes: Uint8Array) => void
  readonly onClock: (from: number, timeMs: number) => void
  readonly onPresence: (from: number, bytes: Uint8Array) => void
  /** True for a node whose words do not count: it came back with less than it had. */
  readonly isRefused: (from: number) => boolean
  readonly logger: Logger
}

/** Raft's messages and attestations over the same ordered control lines. Implements consensus' Transport. */
export class RaftLines implements Transport {
  readonly #raft: RaftProtocol
  readonly #handlers: RaftLinesHandlers

  constructor(raft: RaftProtocol, handlers: RaftLinesHandlers) {
    this.#raft = raft
    this.#handlers = handlers
  }

  send(to: number, channel: 'control' | 'append', frame: Uint8Array): boolean {
    return this.#raft.send(to, channel, frame)
  }

  onMessage(handler: (from: number, channel: 'control' | 'append', frame: Uint8Array) => void): void {
    this.#raft.onMessage((from, channel, frame) => {
      if (frame[0] === PRESENCE_FRAME) this.#handlers.onPresence(from, frame.subarray(1))
      else if (this.#handlers.isRefused(from)) return
      else if (frame[0] === ATTESTATION_FRAME) this.#handlers.onAttestation(from, frame.subarray(1))
      else if (frame[0] === VOTE_FRAME) this.#handlers.onVote(from, frame.subarray(1))
      else if (frame[0] === CLOCK_FRAME) this.#takeClock(from, frame)
      else handler(from, channel, frame)
    })
  }

  onPeerChange(handler: (node: number, connected: boolean) => void): void {
    this.#raft.onPeerChange(handler)
  }

  blame(node: number): void {
    this.#raft.report(node, new PeerFault('P2P_FRAME_GARBLED', 'disconnect', 'a consensus message cannot be read or names another sender', {}))
  }

  /** Calls `handler` whenever a node can be talked to again. */
  onConnected(handler: (node: number) => void): void {
    this.#raft.onPeerChange((node, connected) => { if (connected) handler(node) })
  }

  /** What a node sent is signed wrongly, or not by whom it says: its score carries the fault. */
  reject(node: number, what: string): void {
    this.#raft.report(node, new PeerFault('P2P_STATEMENT_REJECTED', 'reject', 'an attestation or vote does not hold', { what }))
  }

  /** Sends an attestation to every reachable node; who misses it gets the newest again when it connects. */
  broadcastAttestation(attestation: Uint8Array): void {
    this.#broadcast(ATTESTATION_FRAME, attestation)
  }

  /** Tells every reachable node of a signed vote, so that two votes of one term meet somewhere. */
  broadcastVote(vote: Uint8Array): void {
    this.#broadcast(VOTE_FRAME, vote)
  }

  /** Tells every reachable node this node's wall clock. */
  broadcastClock(timeMs: number): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(timeMs))
    this.#broadcast(CLOCK_FRAME, bytes)
  }

  /** Tells every reachable node where this one stands. */
  broadcastPresence(presence: Uint8Array): void {
    this.#broadcast(PRESENCE_FRAME, presence)
  }

  #takeClock(from: number, frame: Uint8Array): void {
    if (frame.length !== 9) return this.blame(from)
    this.#handlers.onClock(from, Number(new DataView(frame.buffer, frame.byteOffset + 1, 8).getBigUint64(0)))
  }

  #broadcast(kind: number, bytes: Uint8Array): void {
    const frame = new Uint8Array(bytes.length + 1)
    frame[0] = kind
    frame.set(bytes, 1)
    for (const node of this.#raft.reachable()) this.#raft.send(node, 'control', frame)
  }
}
