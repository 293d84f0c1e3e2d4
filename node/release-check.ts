import { equalBytes, toHex } from '../primitives/bytes.ts'
import { decode, encode, fixedBytes, struct } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { answeringMembers, releaseQuorum, signedHeadBytes, signedHeadSchema } from '../primitives/signed-head.ts'
import type { SignedHead } from '../primitives/signed-head.ts'
import type { Signer } from '../primitives/signature.ts'
import { recheck } from '../contracts/index.ts'
import { findDecision } from './decisions.ts'
import type { SteleNode } from './stele-node.ts'

const METHOD = 'head'
const questionSchema = struct({ nonce: fixedBytes(32), request: fixedBytes(32) })

/** How long the members are waited for, and how long this node may take to reach the highest head, in ms. */
export const RELEASE_LIMITS = { headsMs: 2_000, reachMs: 2_000 } as const

export interface ReleaseVerdict {
  readonly heads: readonly SignedHead[]
  readonly needed: number
  /** `OK`, or why nothing may be released. */
  readonly code: string
  readonly checkedAt: { readonly height: number; readonly hash: Uint8Array; readonly timeMs: number }
}

/** Asks and answers for signed heads, and checks a permit again at the highest of them (DESIGN §5.13). */
export class ReleaseCheck {
  readonly #node: SteleNode
  readonly #signer: Signer

  constructor(node: SteleNode, signer: Signer) {
    this.#node = node
    this.#signer = signer
  }

  /** Answers other nodes' questions from now on. */
  start(): void {
    this.#node.parts.network.sync.handle(METHOD, (_from, body) => {
      const { nonce, request } = decode(questionSchema, body, { maxBytes: 128 })
      return Promise.resolve(encode(signedHeadSchema, this.#ownHead(nonce, request)))
    })
  }

  /**
   * Gathers heads under `nonce` and re-evaluates the permit at the highest appended block they name, against that state and the latest clock.
   * Without answers of more than two thirds of the members the code is `RELEASE_TOO_FEW_HEADS`.
   */
  async check(request: Uint8Array, nonce: Uint8Array, signal: AbortSignal): Promise<ReleaseVerdict> {
    const { rules, store, clock } = this.#node.parts
    const heads = await this.#gather(nonce, request, signal)
    const highest = heads.reduce((best, head) => (head.content.height > best.content.height ? head : best))
    const checkedAt = { height: Number(highest.content.height), hash: highest.content.block, timeMs: Math.max(clock.nowMs(), ...heads.map(({ content }) => Number(content.timeMs))) }
    const needed = releaseQuorum(this.#node.parts.rules.members.voters.length)
    const verdict = (code: string): ReleaseVerdict => ({ heads, needed, code, checkedAt })
    const found = findDecision(store, request)
    if (found === undefined) return verdict('RELEASE_NO_PERMIT')
    if (found.location.height > store.finalHeight) return verdict('RELEASE_NOT_FINAL')
    if (answeringMembers(rules.chain, rules.members, nonce, request, heads).size < needed) return verdict('RELEASE_TOO_FEW_HEADS')
    if (!(await this.#reach(checkedAt.height, checkedAt.hash, signal))) return verdict('RELEASE_HEAD_NOT_REACHED')
    const { executor, world } = this.#node.parts
    const again = recheck(executor.tip.layer ?? world.view(), found.decision, BigInt(checkedAt.timeMs))
    return verdict(again === 'ok' ? 'OK' : again.gone)
  }

  async #gather(nonce: Uint8Array, request: Uint8Array, signal: AbortSignal): Promise<SignedHead[]> {
    const { network, rules } = this.#node.parts
    const body = encode(questionSchema, { nonce, request })
    const others = rules.members.voters.filter(({ node }) => node !== this.#node.parts.config.node)
    const answers = await Promise.allSettled(others.map(async ({ node }) => decode(signedHeadSchema, await network.sync.request(node, METHOD, body, { timeoutMs: RELEASE_LIMITS.headsMs, signal, maxBytes: 1024 }))))
    const heads = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    // Only what its node signed for this question counts: an unsigned height or time could stall every release.
    const signed = heads.filter((head) => answeringMembers(rules.chain, rules.members, nonce, request, [head]).size === 1)
    return [this.#ownHead(nonce, request), ...signed]
  }

  /** The newest block this node has appended, executed or not, committed or not. */
  #ownHead(nonce: Uint8Array, request: Uint8Array): SignedHead {
    const { ledger, rules, config, clock } = this.#node.parts
    const height = ledger.lastHeight()
    const index = ledger.indexOfHeight(height)
    const entry = index === undefined ? undefined : ledger.entry(index)
    const content = { nonce, request, node: config.node, height: BigInt(height), block: entry?.hash ?? rules.chain, term: entry?.term ?? 0, timeMs: BigInt(clock.nowMs()) }
    return { content, signature: this.#signer.sign(signedHeadBytes(rules.chain, content)) }
  }

  /** Waits until this node has executed up to that height, on that very block. False when it cannot in time, or stands on another block. */
  async #reach(height: number, hash: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const { executor, store } = this.#node.parts
    const deadline = performance.now() + RELEASE_LIMITS.reachMs
    while (executor.tip.height < height) {
      if (signal.aborted || performance.now() > deadline) return false
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const own = height === 0 ? this.#node.parts.rules.chain : executor.hashAt(height) ?? store.block(height)?.hash
    return own !== undefined && equalBytes(own, hash)
  }
}

/** Throws unless the permit may be served now; for whoever hands out sealed keys. */
export async function mustBeReleasable(check: ReleaseCheck, request: Uint8Array, nonce: Uint8Array, signal: AbortSignal): Promise<void> {
  const { code } = await check.check(request, nonce, signal)
  if (code !== 'OK') throw new SteleError({ code: 'RELEASE_REFUSED', message: 'the permit does not hold any more, or too few members answered', details: { request: toHex(request), reason: code }, retryable: code === 'RELEASE_TOO_FEW_HEADS' })
}
