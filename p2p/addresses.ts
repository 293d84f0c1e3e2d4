import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { p2pError } from './errors.ts'

/** A TCP multiaddress. `P2P_ADDRESS_INVALID` for anything else. */
export function parseAddress(text: string): Multiaddr {
  try {
    const address = multiaddr(text)
    const names = address.getComponents().map(({ name }) => name)
    if (names[1] === 'tcp' && ['ip4', 'ip6', 'dns', 'dns4', 'dns6'].includes(names[0] ?? '') && (names.length === 2 || (names.length === 3 && names[2] === 'p2p'))) return address
  } catch (cause) {
    throw p2pError('P2P_ADDRESS_INVALID', 'an address is not a multiaddress', { address: text }, cause)
  }
  throw p2pError('P2P_ADDRESS_INVALID', 'an address is not a TCP multiaddress', { address: text })
}
