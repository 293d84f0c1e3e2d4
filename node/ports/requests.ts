import { equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { decodeRequestAuth, requestSigningBytes, REQUEST_TOLERANCE_MS } from '../../primitives/request.ts'
import { keyIdToPublicKey } from '../../primitives/signature.ts'
import { readAccount, readerOf } from '../../contracts/index.ts'
import { isActiveSignKey } from '../../contracts/identity/accounts.ts'
import type { Caller, RequestVerifier } from '../../rpc/ports.ts'
import type { SteleNode } from '../stele-node.ts'

/** Nonces remembered; a full table refuses until old ones have run out: forgetting one early would let its request be repeated. */
const NONCES_MAX = 200_000

/** Checks signed private reads: key of the account, fresh, used once. */
export class NodeRequests implements RequestVerifier {
  readonly #node: SteleNode
  /** Used nonces, oldest first, with the time after which their requests are too old anyway. */
  readonly #nonces = new Map<string, number>()

  constructor(node: SteleNode) {
    this.#node = node
  }

  async verify({ method, params, auth }: { readonly method: string; readonly params: object; readonly auth: string }): Promise<Caller> {
    const { rules, world, store, clock, verifier, executor } = this.#node.parts
    const request = decodeRequestAuth(auth)
    const refuse = (code: string, message: string): never => { throw new SteleError({ code, message }) }
    if (Math.abs(Number(request.timeMs) - clock.nowMs()) > REQUEST_TOLERANCE_MS) refuse('REQUEST_TIME_OFF', 'the request was signed too long ago, or the clocks differ too much')
    const nonce = toHex(request.nonce) + toHex(request.account)
    const publicKey = keyIdToPublicKey(request.signer)
    // The newest executed state, so that an account can read as soon as its enrolment stands in a block here.
    const account = readAccount(readerOf(executor.tip.layer ?? world.view()), request.account)
    if (publicKey === undefined || account === undefined || account.suspended || !isActiveSignKey(account, request.signer, BigInt(store.height + 1))) {
      return refuse('RPC_UNAUTHENTICATED', 'the signer is no active key of an account in good standing')
    }
    const message = requestSigningBytes(rules.chain, method, params, request)
    const [valid] = await verifier.verifyBatch([{ publicKey, message, signature: request.signature }])
    if (valid !== true) refuse('RPC_UNAUTHENTICATED', 'the signature of the request does not verify')
    this.#use(nonce, clock.nowMs())
    return { account: toHex(request.account), kind: account.kind, member: account.member }
  }

  /** Asks and takes in one step, so that two copies of one request cannot pass together; only after the signature was found valid, so that garbage fills no table. */
  #use(nonce: string, nowMs: number): void {
    for (const [old, until] of this.#nonces) {
      if (until > nowMs) break
      this.#nonces.delete(old)
    }
    if (this.#nonces.has(nonce)) throw new SteleError({ code: 'REQUEST_REPLAYED', message: 'this signed request was used before; sign a new one' })
    if (this.#nonces.size >= NONCES_MAX) throw new SteleError({ code: 'RPC_OVERLOADED', message: 'too many signed requests at once', retryable: true })
    this.#nonces.set(nonce, nowMs + 2 * REQUEST_TOLERANCE_MS)
  }
}

/** True when both hex names are of the same thing. */
export function sameAccount(a: string, b: Uint8Array): boolean {
  return equalBytes(fromHex(a), b)
}
