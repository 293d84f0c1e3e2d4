import type { Random } from '../primitives/ports.ts'
import { signRequest } from '../primitives/request.ts'
import type { OptionallySignedMethods, PublicMethods, RpcParams, RpcResult, SignedMethods } from '../primitives/rpc-types.ts'
import type { Account } from './account.ts'
import type { Chain } from './chain.ts'
import { clientError } from './errors.ts'
import { platformNow, webRandom, type NowMs } from './platform.ts'
import type { RequestOptions, Transport } from './transports/transport.ts'

export interface ClientOptions {
  readonly transport: Transport
  /** The trusted chain: `chainFromGenesis(…)`, or `await fetchChain(transport, {expected})`. */
  readonly chain: Chain
  /** Signs transactions and private reads unless an action is given another. */
  readonly account?: Account
  readonly random?: Random
  readonly nowMs?: NowMs
}

/** Options of an action that signs. */
export interface SignedOptions extends RequestOptions {
  /** Another account than the client's. */
  readonly account?: Account
}

/** What every action needs. Actions are functions of a client (`getHead(client)`); `extend` hangs them on it (`client.getHead()`). */
export interface Client {
  readonly transport: Transport
  readonly chain: Chain
  readonly account: Account | undefined
  readonly random: Random
  readonly nowMs: NowMs
  /** Calls a public method; typed by `primitives/rpc-types.ts`. */
  call<M extends keyof PublicMethods | keyof OptionallySignedMethods>(method: M, params: RpcParams<M>, options?: RequestOptions): Promise<RpcResult<M>>
  /** Calls a method as an account: each attempt is signed anew, under a fresh nonce. Throws `CLIENT_NO_ACCOUNT`. */
  callSigned<M extends keyof SignedMethods | keyof OptionallySignedMethods>(method: M, params: RpcParams<M>, options?: SignedOptions): Promise<RpcResult<M>>
  /** Headers of a signed request for raw bytes; `method` is for example `PUT /vault/<blob>/0`. */
  signedHeaders(method: string, params: object, account?: Account): Readonly<Record<string, string>>
  /** The account to sign with. Throws `CLIENT_NO_ACCOUNT`. */
  signer(account?: Account): Account
  /** The same client with more members. */
  extend<T extends object>(actions: (client: Client) => T): ExtendedClient<T>
}

export type ExtendedClient<T extends object> = Client & T

/** A client of one chain. It opens nothing until the first call; `transport.close()` ends what was opened. */
export function createClient({ transport, chain, account, random = webRandom, nowMs = platformNow }: ClientOptions): Client {
  const signer = (own: Account | undefined = account): Account => {
    if (own === undefined) throw clientError('CLIENT_NO_ACCOUNT')
    return own
  }
  const sign = (method: string, params: object, as: Account): string => signRequest(chain.id, method, params, as.id, as.signer, random.bytes(16), nowMs())
  const client: Client = {
    transport, chain, account, random, nowMs, signer,
    // The node checked its answer against the schema that these types are compared with; what matters for trust is verified where it is used.
    call: (method, params, options) => transport.request(method, params, options) as Promise<RpcResult<typeof method>>,
    callSigned: async (method, params, { account: own, ...options } = {}) => {
      const as = signer(own)
      return (await transport.request(method, () => ({ ...params, auth: sign(method, params, as) }), options)) as RpcResult<typeof method>
    },
    signedHeaders: (method, params, own) => ({ 'stele-auth': sign(method, params, signer(own)) }),
    extend: (actions) => ({ ...client, ...actions(client) }),
  }
  return client
}
