import { memberSetAt } from '../primitives/member-history.ts'
import { equalBytes, fromHex, maybeFromHex, toHex } from '../primitives/bytes.ts'
import { decisionEvent } from '../primitives/calls/access.ts'
import type { DecisionEvent } from '../primitives/calls/access.ts'
import { decode } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { Random } from '../primitives/ports.ts'
import { receiptBundle, verifyReceipt } from '../primitives/receipt.ts'
import type { RpcReleaseCheck } from '../primitives/rpc-types.ts'
import { answeringMembers, releaseQuorum } from '../primitives/signed-head.ts'
import type { SignedHead } from '../primitives/signed-head.ts'
import { sealSectionKey } from '../privacy/seal.ts'
import type { SectionKey } from '../privacy/section-format.ts'
import type { Chain } from '../client/chain.ts'
import type { CustodianErrorCode } from './custodian-errors.ts'

/** An answer to the quorum check that is older than this, ms, is asked for again before a key leaves. */
export const CHECK_AGE_MS_MAX = 5_000

/** What a release needs from the institution's own node. Calls throw; retryable errors are tried again. */
export interface ReleaseNode {
  /** Signed heads of the members under the nonce, and the node's verdict at the highest of them. */
  releaseCheck(request: Uint8Array, nonce: Uint8Array): Promise<RpcReleaseCheck>
  /** Puts sealed bytes where the reader fetches them. `MAILBOX_CONFLICT` and `MAILBOX_DELETED` when this was done before. */
  mailboxPut(entry: { readonly request: Uint8Array; readonly section: number; readonly sealed: Uint8Array }): Promise<void>
}

/** Where the data keys are. `KEY_STORE_NOT_FOUND` for sections of which this custodian holds none. */
export interface ReleaseKeys { get(record: Uint8Array, version: number, section: number): Promise<SectionKey> }

export interface ReleaseParts {
  readonly chain: Chain
  readonly node: ReleaseNode
  readonly keys: ReleaseKeys
  readonly random: Pick<Random, 'bytes'>
  /** This party's own clock, ms. */
  readonly nowMs: () => number
}

/**
 * What became of a permit. `released` and `ended` (over, revoked, or not ours) are for good; `waiting` is to be tried again until the permit ends:
 * too few members answered, or the node is behind.
 */
export type ReleaseOutcome = { readonly state: 'released'; readonly sections: number } | { readonly state: 'ended' | 'waiting'; readonly code: string }

/** Codes of the quorum check after which the same permit may still come to hold. Everything else is for good. */
const PASSING = new Set(['RELEASE_TOO_FEW_HEADS', 'RELEASE_HEAD_NOT_REACHED', 'RELEASE_NOT_FINAL', 'RELEASE_NO_PERMIT'])

/**
 * Verifies offline, against genesis and the changes of members that follow from it, that `bundle` (canonical bytes) proves a final permit, and returns it. A node that offers anything else is
 * named by PROOF_*, CERTIFICATE_*, CODEC_* or `CUSTODIAN_NOT_A_PERMIT`.
 */
export function verifyPermit(chain: Chain, bundle: Uint8Array): DecisionEvent {
  const decoded = decode(receiptBundle, bundle)
  const { epoch, height } = decoded.finality.certificate.content
  const { receipt } = verifyReceipt(chain.id, memberSetAt(chain.periods, epoch, height).set, decoded)
  const event = receipt.events.find(({ contract, name }) => contract === 'access' && name === 'decision')
  const decision = event === undefined ? undefined : decode(decisionEvent, event.data)
  if (receipt.code !== 'OK' || decision === undefined || decision.decision !== 'permit' || !equalBytes(decision.request, receipt.tx)) {
    throw problem('CUSTODIAN_NOT_A_PERMIT', 'the receipt does not prove a permit', { transaction: toHex(receipt.tx), result: receipt.code })
  }
  return decision
}

/**
 * Releases the keys that one verified permit names: quorum check under a fresh nonce, signatures of the heads verified here, own clock, then every section key
 * sealed to the one-time reader key and put into the mailbox (DESIGN §5.13, §5.14). Safe to repeat. Throws only what a repetition may cure or a person must see.
 */
export async function releaseKeys(parts: ReleaseParts, permit: DecisionEvent): Promise<ReleaseOutcome> {
  if (BigInt(parts.nowMs()) >= permit.until) return { state: 'ended', code: 'PERMIT_ENDED' }
  const keys: { readonly section: number; readonly key: SectionKey }[] = []
  try {
    for (const section of permit.sections) keys.push({ section, key: await parts.keys.get(permit.record, permit.version, section) })
  } catch (error) {
    // Another custodian of the record may hold it; asking again would not bring it here.
    if (errorCode(error) === 'KEY_STORE_NOT_FOUND') return { state: 'ended', code: 'KEY_STORE_NOT_FOUND' }
    throw error
  }
  let checkedMs = -Infinity
  for (const { section, key } of keys) {
    if (parts.nowMs() - checkedMs > CHECK_AGE_MS_MAX) {
      checkedMs = parts.nowMs()
      const code = await checkQuorum(parts, permit)
      if (code !== 'OK') return { state: PASSING.has(code) ? 'waiting' : 'ended', code }
    }
    if (BigInt(parts.nowMs()) >= permit.until) return { state: 'ended', code: 'PERMIT_ENDED' }
    await putSealed(parts, permit, section, key)
  }
  return { state: 'released', sections: keys.length }
}

/**
 * The node's verdict on the permit, believed only as far as signed heads of more than two thirds of the members carry it: under this very nonce and request,
 * each signature checked here, and the verdict given at no lower a block than the highest head. `OK`, or why not.
 */
export async function checkQuorum({ chain, node, random }: ReleaseParts, permit: DecisionEvent): Promise<string> {
  const nonce = random.bytes(32)
  const answer = await node.releaseCheck(permit.request, nonce)
  if (!answer.release || answer.code !== 'OK') return answer.code === 'OK' ? 'RELEASE_TOO_FEW_HEADS' : answer.code
  const heads = answer.heads.flatMap((head) => headOf(head, permit.request, nonce))
  const answering = answeringMembers(chain.id, chain.members, nonce, permit.request, heads)
  const needed = releaseQuorum(new Set(chain.members.voters.map(({ member }) => member)).size)
  if (answering.size < needed) return 'RELEASE_TOO_FEW_HEADS'
  const highest = heads.reduce((best, { content }) => (content.height > best ? content.height : best), 0n)
  if (BigInt(answer.checkedAt.height) < highest) throw problem('CUSTODIAN_HEADS_INVALID', 'the verdict was given at a lower block than a member has appended', { request: toHex(permit.request), checkedAt: answer.checkedAt.height, highest: Number(highest) })
  return 'OK'
}

function headOf({ node, height, hash, term, timeMs, signature }: RpcReleaseCheck['heads'][number], request: Uint8Array, nonce: Uint8Array): SignedHead[] {
  const [block, signed] = [maybeFromHex(hash), maybeFromHex(signature)]
  if (block?.length !== 32 || signed?.length !== 64) return []
  return [{ content: { nonce, request, node, height: BigInt(height), block, term, timeMs: BigInt(timeMs) }, signature: signed }]
}

/** Other bytes under the same address are this custodian's own from before a restart: sealing draws fresh randomness, the first sealing stands. */
async function putSealed({ chain, node }: ReleaseParts, { request, record, version, readerKey }: DecisionEvent, section: number, key: SectionKey): Promise<void> {
  const sealed = await sealSectionKey({ chain: chain.id, request, record, version, section, readerKey }, key)
  try {
    await node.mailboxPut({ request, section, sealed })
  } catch (error) {
    if (errorCode(error) !== 'MAILBOX_CONFLICT' && errorCode(error) !== 'MAILBOX_DELETED') throw error
  }
}

function problem(code: CustodianErrorCode, message: string, details: Readonly<Record<string, unknown>>): SteleError {
  return new SteleError({ code, message, details })
}

/** Bytes of a permit's proof as the node sends them. `CUSTODIAN_NOT_A_PERMIT` when they are not hex. */
export function bundleBytes(hex: string): Uint8Array {
  if (maybeFromHex(hex) === undefined) throw problem('CUSTODIAN_NOT_A_PERMIT', 'the proof is not bytes in hex', {})
  return fromHex(hex)
}
