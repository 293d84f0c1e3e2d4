import { equalBytes, toHex } from '../primitives/bytes.ts'
import { decode } from '../primitives/codec.ts'
import { chainIdOf, checkGenesis, genesisMemberSet, genesisSchema, type Genesis } from '../primitives/genesis.ts'
import { followLinks } from '../primitives/member-history.ts'
import type { MemberPeriod, MemberSetLink } from '../primitives/member-history.ts'
import type { MemberSet } from '../primitives/member-set.ts'
import type { RpcChainInfo } from '../primitives/rpc-types.ts'
import { clientError } from './errors.ts'
import { bytesOf } from './hex.ts'
import type { Transport } from './transports/transport.ts'

/**
 * What a client trusts: which chain, and whose attestations count. Everything a node says is checked against it. `members` are the newest voters it knows: those of
 * genesis, until `follow` was shown the steps to later ones.
 */
export interface Chain {
  readonly id: Uint8Array
  readonly members: MemberSet
  readonly genesis: Genesis
  /** The sets that certify, oldest first. */
  readonly periods: readonly MemberPeriod[]
  /** Takes over a longer chain of member sets, every step of which is verified from genesis on. True when it was longer. Throws HISTORY_*, CERTIFICATE_*, RECOVERY_*. */
  follow(links: readonly MemberSetLink[]): boolean
}

/** The chain of a genesis that the caller trusts: from a file, an institution's web site, a paper. Throws `GENESIS_INVALID`. */
export function chainFromGenesis(genesis: Genesis): Chain {
  checkGenesis(genesis)
  const id = chainIdOf(genesis)
  let periods: readonly MemberPeriod[] = [{ from: 1n, set: genesisMemberSet(genesis) }]
  return {
    id, genesis,
    get periods() { return periods },
    get members() { return periods.at(-1)!.set },
    follow(links) {
      if (links.length < periods.length) return false
      periods = followLinks(id, periods[0]!, links)
      return true
    },
  }
}

/** The chain of canonical genesis bytes. Throws CODEC_* or `GENESIS_INVALID`. */
export function chainFromGenesisBytes(bytes: Uint8Array): Chain {
  return chainFromGenesis(decode(genesisSchema, bytes))
}

/**
 * Asks a node which chain it serves. Without `expected` this trusts the node on first use: pin the id it returns. With `expected` (32 bytes) a node that serves
 * another chain, or a genesis that does not hash to it, is refused with `CLIENT_CHAIN_MISMATCH`; then nothing is taken on trust.
 */
export async function fetchChain(transport: Transport, { expected, signal }: { readonly expected?: Uint8Array; readonly signal?: AbortSignal } = {}): Promise<Chain> {
  const info = (await transport.request('chain_info', {}, signal === undefined ? {} : { signal })) as RpcChainInfo
  const chain = chainFromGenesisBytes(bytesOf('genesis', info.genesis))
  if (toHex(chain.id) !== info.chain || (expected !== undefined && !equalBytes(chain.id, expected))) {
    throw clientError('CLIENT_CHAIN_MISMATCH', { details: { node: transport.name, chain: toHex(chain.id), ...(expected && { expected: toHex(expected) }) } })
  }
  return chain
}
