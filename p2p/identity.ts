import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import type { PrivateKey } from '@libp2p/interface'
import { p2pError } from './errors.ts'

/** The libp2p peer id of a transport key (Ed25519, 32 bytes), as text. It contains the key, so equal ids mean equal keys. */
export function peerIdOf(transportKey: Uint8Array): string {
  if (transportKey.length !== 32) throw p2pError('P2P_ROSTER_INVALID', 'a transport key must have 32 bytes', { bytes: transportKey.length })
  return peerIdFromPublicKey(publicKeyFromRaw(transportKey)).toString()
}

/** The libp2p key pair of an Ed25519 seed. `P2P_KEY_INVALID` unless it has 32 bytes. */
export async function transportKeyPair(secret: Uint8Array): Promise<PrivateKey> {
  if (secret.length !== 32) throw p2pError('P2P_KEY_INVALID', 'a transport secret must have 32 bytes', { bytes: secret.length })
  return generateKeyPairFromSeed('Ed25519', secret)
}
