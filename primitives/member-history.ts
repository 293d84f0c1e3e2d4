import { blockHashOf, decodeHeader } from './block.ts'
import { equalBytes } from './bytes.ts'
import { certificateSchema, verifyCertificate } from './certificate.ts'
import { array, bytes, encode, struct, variant } from './codec.ts'
import type { Infer } from './codec.ts'
import { SteleError } from './error.ts'
import { merkleRoot } from './merkle.ts'
import { memberSetFault, memberSetSchema } from './member-set.ts'
import type { MemberSet } from './member-set.ts'
import { signedRecovery, verifyRecovery } from './recovery.ts'

/**
 * One step from a member set to the next. `change`: the header of the activation block, an otherwise empty block whose event tree has the set after it
 * as its only leaf, certified by the set before it; `recovery`: a statement of the members' governance keys (DESIGN §5.7, §5.11).
 */
export const memberSetLink = variant({
  change: struct({ header: bytes({ max: 2048 }), certificate: certificateSchema, set: memberSetSchema }),
  recovery: signedRecovery,
})
export type MemberSetLink = Infer<typeof memberSetLink>

/** The steps from genesis (or from a pinned set) on, in order. */
export const memberSetLinks = array(memberSetLink, { max: 4096 })

/** A member set with the blocks it certifies: from height `from` on, up to the next period of its epoch or the end of its epoch. */
export interface MemberPeriod { readonly from: bigint; readonly set: MemberSet }

function refuse(rule: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw new SteleError({ code: 'HISTORY_INVALID', message: 'a step in the chain of member sets does not hold', details: { rule, ...details } })
}

/** Root of the event tree of an activation block. */
export function activationRoot(set: MemberSet): Uint8Array {
  return merkleRoot([encode(memberSetSchema, set)])
}

/** Checks one step and returns the period it begins. Throws `HISTORY_INVALID`, CERTIFICATE_*, RECOVERY_* or CODEC_*. */
export function followLink(chain: Uint8Array, before: MemberPeriod, link: MemberSetLink): MemberPeriod {
  if (link.kind === 'recovery') {
    const { height, set } = link.value.statement
    verifyRecovery(chain, before.set, link.value)
    return { from: height + 1n, set }
  }
  const { header: headerBytes, certificate: { content }, set } = link.value
  const header = decodeHeader(headerBytes)
  const height = Number(header.height)
  if (header.v !== 1 || !equalBytes(header.chain, chain)) refuse('the header is of this chain and version', { height })
  if (header.height < before.from) refuse('heights ascend', { height })
  if (header.count !== 0 || !equalBytes(header.eventRoot, activationRoot(set))) refuse('the block announces this very set and nothing else', { height })
  if (header.epoch !== before.set.epoch || set.epoch !== header.epoch) refuse('a change of members stays in its epoch', { height })
  const fault = memberSetFault(set)
  if (fault !== undefined) refuse(fault, { height })
  if (!equalBytes(content.block, blockHashOf(chain, headerBytes)) || content.height !== header.height || content.term !== header.term || !equalBytes(content.stateRoot, header.stateRoot)) refuse('the certificate is for the activation block', { height })
  verifyCertificate(chain, before.set, link.value.certificate)
  return { from: header.height + 1n, set }
}

/** Follows the whole chain from a trusted set (that of genesis is in force from height 1). The periods ascend; a recovery's may begin below the one before. */
export function followLinks(chain: Uint8Array, trusted: MemberPeriod, links: readonly MemberSetLink[]): readonly MemberPeriod[] {
  const periods = [trusted]
  for (const link of links) periods.push(followLink(chain, periods.at(-1)!, link))
  return periods
}

/**
 * The set that certifies blocks of (epoch, height), and whether a later recovery gave that height up. Throws `HISTORY_INCOMPLETE` when no period covers it.
 */
export function memberSetAt(periods: readonly MemberPeriod[], epoch: number, height: bigint): { readonly set: MemberSet; readonly superseded: boolean } {
  const period = periods.findLast(({ from, set }) => set.epoch === epoch && from <= height)
  if (period === undefined) throw new SteleError({ code: 'HISTORY_INCOMPLETE', message: 'no member set is known for this height', details: { epoch, height: Number(height) } })
  return { set: period.set, superseded: isSuperseded(periods, epoch, height) }
}

/** True for a block certified in `epoch` at a height that a later epoch of `periods` began at or below: a recovery gave it up (DESIGN §5.11). */
export function isSuperseded(periods: readonly MemberPeriod[], epoch: number, height: bigint): boolean {
  return periods.some(({ from, set }, i) => set.epoch > epoch && periods[i - 1]?.set.epoch !== set.epoch && from <= height)
}
