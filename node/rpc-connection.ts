import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { http } from '../client/transports/http.ts'
import type { RequestOptions } from '../client/transports/transport.ts'
import type { RpcMethod, RpcParams, RpcResult } from '../primitives/rpc-types.ts'

export const RPC_VARIABLE = 'STELE_RPC'
export const DEFAULT_RPC = 'http://127.0.0.1:8545'

/** Adds `--rpc URL` to a command that talks to a node; `connect` takes its value. */
export function withRpcOption(command: Command): Command {
  return command.option('--rpc <url>', `base URL of a node's RPC (default: ${RPC_VARIABLE}, else ${DEFAULT_RPC})`, urlOf)
}

function urlOf(value: string): string {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) throw new InvalidArgumentError('a URL such as http://127.0.0.1:8545')
  return value
}

export interface NodeConnection {
  readonly url: string
  call<M extends RpcMethod>(method: M, params: RpcParams<M>, options?: RequestOptions): Promise<RpcResult<M>>
}

/** A node over HTTP. A command answers soon, so a node that is down is told after about a second, not after an election's time. */
export function connect(rpc: string | undefined): NodeConnection {
  const url = rpc ?? process.env[RPC_VARIABLE] ?? DEFAULT_RPC
  const transport = http(url, { retry: { retries: 3, firstDelayMs: 100, delayMsMax: 500 } })
  return { url, call: (method, params, options) => transport.request(method, params, options) as Promise<RpcResult<typeof method>> }
}
