import { p2pError } from './errors.ts'
import { peerIdOf } from './identity.ts'

/** One node as the ledger names it. */
export interface PeerRecord {
  /** Raft id, from 1, never reused. */
  readonly node: number
  /** The institution that runs it. */
  readonly member: number
  /** Ed25519 public key, 32 bytes: the only key that may speak for this node. */
  readonly transportKey: Uint8Array
  /** TCP multiaddresses at which it can be dialled; empty when it can only dial. */
  readonly addresses: readonly string[]
}

/** A record with the libp2p name of its key. */
export interface Peer extends PeerRecord { readonly peerId: string }

/** What changed between two lists. A node with a new key counts as removed and added. */
export interface RosterChange {
  readonly added: readonly Peer[]
  readonly removed: readonly Peer[]
  /** Same key, other addresses. */
  readonly moved: readonly Peer[]
}

/** The nodes the ledger names, other than this one. Whoever is not in here does not get past the gate. */
export class Roster {
  readonly self: number
  #byNode = new Map<number, Peer>()
  #byPeerId = new Map<string, Peer>()
  readonly #listeners = new Set<(change: RosterChange) => void>()

  constructor(self: number, records: readonly PeerRecord[]) {
    this.self = self
    this.update(records)
  }

  /** Replaces the list, tells the listeners what changed. `P2P_ROSTER_INVALID` for doubled ids or keys; then the old list stays. */
  update(records: readonly PeerRecord[]): RosterChange {
    const peers = records.filter(({ node }) => node !== this.self).map((record): Peer => ({ ...record, peerId: peerIdOf(record.transportKey) }))
    const byNode = new Map(peers.map((peer) => [peer.node, peer]))
    const byPeerId = new Map(peers.map((peer) => [peer.peerId, peer]))
    if (byNode.size !== peers.length || byPeerId.size !== peers.length) throw p2pError('P2P_ROSTER_INVALID', 'two nodes share an id or a transport key', { nodes: peers.map(({ node }) => node) })
    const change: RosterChange = {
      added: peers.filter(({ node, peerId }) => this.#byNode.get(node)?.peerId !== peerId),
      removed: [...this.#byNode.values()].filter(({ node, peerId }) => byNode.get(node)?.peerId !== peerId),
      moved: peers.filter((peer) => {
        const before = this.#byNode.get(peer.node)
        return before?.peerId === peer.peerId && before.addresses.join(' ') !== peer.addresses.join(' ')
      }),
    }
    this.#byNode = byNode
    this.#byPeerId = byPeerId
    for (const listener of this.#listeners) listener(change)
    return change
  }

  byNode(node: number): Peer | undefined { return this.#byNode.get(node) }
  byPeerId(peerId: string): Peer | undefined { return this.#byPeerId.get(peerId) }

  /** All other nodes, ascending by id. */
  peers(): readonly Peer[] { return [...this.#byNode.values()].sort((a, b) => a.node - b.node) }

  /** Calls `listener` after every update; returns how to stop that. */
  onChange(listener: (change: RosterChange) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }
}
