import { builtInRegistry } from '../contracts/index.ts'
import { toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import type { RpcPorts } from '../rpc/ports.ts'
import type { NodeInfo } from '../rpc/shapes/cluster.ts'
import { headerRules } from './genesis-file.ts'
import type { NodeSettings } from './node-parts.ts'
import type { SteleNode } from './stele-node.ts'
import { STELE_VERSION, VERSIONS } from './version.ts'

type AnyPort = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>

/**
 * The ports of a node that comes and goes while its listener stays: each call goes to what `current` gives. While that is nothing, `node_info`
 * says how the node is, and everything else is refused with `NODE_REPAIR`, `NODE_STOPPING` or `NODE_NOT_STARTED`, all to be tried again, better elsewhere.
 */
export function lateBoundPorts(current: () => RpcPorts | undefined, node: () => SteleNode, settings: NodeSettings): RpcPorts {
  const portOf = (port: keyof RpcPorts): AnyPort => new Proxy<AnyPort>({}, {
    get: (_target, method) => (...args: readonly unknown[]): unknown => {
      const ports = current()
      if (ports !== undefined) return (ports[port] as unknown as AnyPort)[String(method)]!(...args)
      if (port === 'cluster' && method === 'nodeInfo') return bareInfo(node(), settings)
      throw refusal(node())
    },
  })
  const made = new Map<string | symbol, AnyPort>()
  return new Proxy({} as RpcPorts, {
    get: (_target, name) => {
      const port = made.get(name) ?? portOf(name as keyof RpcPorts)
      made.set(name, port)
      return port
    },
  })
}

function refusal({ mode, repairReason }: SteleNode): SteleError {
  if (mode === 'repair') return new SteleError({ code: 'NODE_REPAIR', message: 'the node repairs what it stores and serves nothing meanwhile', details: { reason: repairReason }, retryable: true })
  if (mode === 'stopping') return new SteleError({ code: 'NODE_STOPPING', message: 'the node is stopping', retryable: true })
  return new SteleError({ code: 'NODE_NOT_STARTED', message: 'the node is not started', retryable: true })
}

function bareInfo({ mode, repairReason }: SteleNode, { config, genesis }: NodeSettings): NodeInfo {
  const member = genesis.members.find(({ nodes }) => nodes.some(({ node }) => node === config.node)) ?? { member: 0, name: 'joining' }
  const chain = toHex(headerRules(genesis).chain)
  return {
    node: config.node, member: member.member, name: member.name, chain, role: 'follower', mode: mode === 'starting' ? 'normal' : mode, leader: null, term: 0,
    versions: { ...VERSIONS, software: STELE_VERSION }, startedAt: 0, peers: 0, mempool: 0, peer: '', listen: [], firstHeight: 0, snapshotHeight: 0, modeReason: repairReason?.slice(0, 256) ?? null, contracts: [...builtInRegistry().newest()], asOf: { height: 0, hash: chain, term: 0 },
  }
}
