import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { CODE_P2P } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Logger } from '../primitives/ports.ts'
import type { P2pMetrics } from './metrics.ts'
import type { Roster } from './roster.ts'
import type { PeerScores } from './scores.ts'

export interface GateCollaborators {
  readonly roster: Roster
  readonly scores: PeerScores
  readonly metrics: P2pMetrics
  readonly logger: Logger
}

/**
 * Lets in the nodes the ledger names, in both directions, and nobody else. The decisive check comes after the Noise handshake, when the
 * remote has proved its key; a dial may therefore resolve at the dialler before the other side hangs up a moment later.
 * Nothing a peer says about addresses is stored: addresses come from the ledger alone.
 */
export function createGate({ roster, scores, metrics, logger }: GateCollaborators): ConnectionGater {
  const refuse = (direction: 'inbound' | 'outbound', peerId: string): boolean => {
    const peer = roster.byPeerId(peerId)
    const reason = peer === undefined ? 'foreign' : scores.banLeftMs(peer.node) > 0 ? 'banned' : undefined
    if (reason === undefined) return false
    metrics.gateRefused.inc({ direction, reason })
    logger.debug({ direction, reason, peerId, node: peer?.node }, 'connection refused at the gate')
    return true
  }
  const inbound = (peerId: PeerId): boolean => refuse('inbound', peerId.toString())
  const outbound = (peerId: PeerId): boolean => refuse('outbound', peerId.toString())
  const always = (): boolean => true
  return {
    denyDialPeer: outbound,
    denyDialMultiaddr: (address) => {
      const peerId = peerIdIn(address)
      return peerId === undefined ? true : refuse('outbound', peerId)
    },
    denyOutboundConnection: outbound,
    denyOutboundEncryptedConnection: outbound,
    denyInboundEncryptedConnection: inbound,
    denyInboundUpgradedConnection: inbound,
    denyOutboundUpgradedConnection: outbound,
    denyInboundRelayReservation: always,
    denyOutboundRelayedConnection: always,
    denyInboundRelayedConnection: always,
    filterMultiaddrForPeer: () => false,
  }
}

function peerIdIn(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
}
