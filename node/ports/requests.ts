import { LRUCache } from 'lru-cache'
import { equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { decodeRequestAuth, requestSigningBytes, REQUEST_TOLERANCE_MS } from '../../primitives/request.ts'
import { keyIdToPublicKey } from '../../primitives/signature.ts'
import { readAccount, readerOf } from '../../contracts/index.ts'
import { isActiveSignKey } from '../../contracts/identity/accounts.ts'
import type { Caller, RequestVerifier } from '../../rpc/ports.ts'
import type { SteleNode } from '../stele-node.ts'

/** Nonces remembered; a full table refuses by time instead, because each entry lives as long as its request could be repeated. */
const NONCES_MAX = 100_000

/** Checks signed private reads: key of the account, fresh, used once. */
export class NodeRequests implements RequestVerifier {
  readonly #node: SteleNode
  readonly #nonces = new LRUCache<string, true>({ max: NONCES_MAX, ttl: 2 * REQUEST_TOLERANCE_MS, ttlAutopurge: false })

  constructor(node: SteleNode) {
    this.#node = node
  }

  async verify({ method, params, auth }: { readonly method: string; readonly params: object; readonly auth: string }): Promise<Caller> {
    const { rules, world, store, clock, verifier, executor } = this.#node.parts
    const request = decodeRequestAuth(auth)
    const refuse = (code: string, message: string): never => { throw new SteleError({ code, message }) }
    if (Math.abs(Number(request.timeMs) - clock.nowMs()) > REQUEST_TOLERANCE_MS) refuse('REQUEST_TIME_OFF', 'the request was signed too long ago, or the clocks differ too much')
    const nonce = toHex(request.nonce) + toHex(request.account)
    if (this.#nonces.has(nonce)) refuse('REQUEST_REPLAYED', 'this signed request was used before; sign a new one')
    const publicKey = keyIdToPublicKey(request.signer)
    // The newest executed state, so that an account can read as soon as its enrolment stands in a block here.
    const account = readAccount(readerOf(executor.tip.layer ?? world.view()), request.account)
    if (publicKey === undefined || account === undefined || account.suspended || !isActiveSignKey(account, request.signer, BigInt(store.height + 1))) {
      return refuse('RPC_UNAUTHENTICATED', 'the signer is no active key of an account in good standing')
    }
    const message = requestSigningBytes(rules.chain, method, params, request)
    const [valid] = await verifier.verifyBatch([{ publicKey, message, signature: request.signature }])
    if (valid !== true) refuse('RPC_UNAUTHENTICATED', 'the signature of the request does not verify')
    this.#nonces.set(nonce, true)
    return { account: toHex(request.account), kind: account.kind, member: account.member }
  }
}

/** True when both hex names are of the same thing. */
export function sameAccount(a: string, b: Uint8Array): boolean {
  return equalBytes(fromHex(a), b)
}
