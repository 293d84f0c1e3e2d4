import { equalBytes, toHex, utf8Bytes } from '../primitives/bytes.ts'
import type { BlockHeader } from '../primitives/block.ts'
import { decode } from '../primitives/codec.ts'
import type { Genesis } from '../primitives/genesis.ts'
import { isSuperseded, memberSetAt, type MemberPeriod } from '../primitives/member-history.ts'
import { certificateQuorum, type MemberSet } from '../primitives/member-set.ts'
import { periodsFrom } from '../primitives/proof-anchor.ts'
import { decodeProofText, verifyProofBundle } from '../primitives/proof-bundle.ts'
import { receiptBundle, verifyReceipt as verifyBundle, type Receipt, type ReceiptBundle } from '../primitives/receipt.ts'
import { clientError } from './errors.ts'
import { decodeEvents, type DecodedEvent } from './transaction.ts'
import { anchorOf, type TrustAnchor } from './trust-anchor.ts'

export type { TrustAnchor } from './trust-anchor.ts'

/**
 * What a receipt is judged by. `history`: the text of a later proof bundle of the same chain, as `stele proof` gives it. It proves every change of members since genesis, so receipts from after
 * a change verify too, and every recovery, so that a receipt whose block one gave up is told.
 */
export type ReceiptTrust = TrustAnchor | { readonly genesis: Genesis; readonly history: Uint8Array | string }

/** What a valid receipt proves, in terms for people. Heights count blocks, times are ms. */
export interface ReceiptReport {
  readonly chain: string
  readonly transaction: string
  readonly height: number
  readonly position: number
  readonly timeMs: number
  /** `OK`, or why the transaction had no effect. */
  readonly code: string
  readonly events: readonly DecodedEvent[]
  /** Who attested, by member number and name where the genesis tells it. */
  readonly attestedBy: readonly { readonly node: number; readonly member: number; readonly name?: string }[]
  /** Attestations that finality needs, and voters in all. */
  readonly needed: number
  readonly voters: number
  /** Height of the certified block: the receipt's own, or a later one in whose history it stands. */
  readonly certifiedHeight: number
  /** True: the block was final once, and a recovery of the chain gave its height up (DESIGN §5.11). Absent when no history was given to judge by. */
  readonly superseded?: boolean
}

/**
 * Verifies a receipt with no node and no network: leaf → path → event root → header → (ancestor of a certified header) → attestations of a quorum of distinct
 * voters. `bundle`: canonical bytes or their decoded form. Throws CODEC_*, PROOF_* or CERTIFICATE_* naming what is wrong, with a history also HISTORY_* and RECOVERY_*.
 */
export function verifyReceipt(bundle: ReceiptBundle | Uint8Array, anchor: ReceiptTrust): ReceiptReport {
  const decoded = bundle instanceof Uint8Array ? decode(receiptBundle, bundle) : bundle
  const { trusted, periods } = 'history' in anchor ? inHistory(decoded, anchor) : { trusted: anchorOf(anchor) }
  const { receipt, header } = verifyBundle(trusted.id, trusted.members, decoded)
  const { certificate } = decoded.finality
  const names = new Map('genesis' in anchor ? anchor.genesis.members.map(({ member, name }) => [member, name]) : [])
  const attestedBy = certificate.signatures.map(({ node }) => {
    const member = trusted.members.voters.find((voter) => voter.node === node)?.member ?? 0
    const name = names.get(member)
    return { node, member, ...(name !== undefined && { name }) }
  })
  return {
    chain: toHex(trusted.id), transaction: toHex(receipt.tx), height: Number(header.height), position: receipt.position, timeMs: Number(header.timeMs), code: receipt.code,
    events: decodeEvents(receipt), attestedBy, needed: certificateQuorum(trusted.members.voters.length), voters: trusted.members.voters.length,
    certifiedHeight: Number(certificate.content.height), ...(periods !== undefined && { superseded: isSuperseded(periods, certificate.content.epoch, header.height) }),
  }
}

/** The set that certified the receipt's block, as a proven history has it. */
function inHistory({ finality }: ReceiptBundle, { genesis, history }: Extract<ReceiptTrust, { history: unknown }>): { readonly trusted: { readonly id: Uint8Array; readonly members: MemberSet }; readonly periods: readonly MemberPeriod[] } {
  const { id, members } = anchorOf({ genesis })
  const proof = decodeProofText(typeof history === 'string' ? utf8Bytes(history) : history)
  const first = { chain: id, members }
  verifyProofBundle(first, proof)
  const periods = periodsFrom(first, proof)
  const { epoch, height } = finality.certificate.content
  return { trusted: { id, members: memberSetAt(periods, epoch, height).set }, periods }
}

/** For actions: verifies a bundle under the client's chain and that it is about the transaction that was asked for. */
export function verifyReceiptBundle(
  chain: { readonly id: Uint8Array; readonly members: MemberSet }, bundle: ReceiptBundle, about: { readonly transaction: Uint8Array },
): { readonly receipt: Receipt; readonly header: BlockHeader } {
  const proven = verifyBundle(chain.id, chain.members, bundle)
  if (!equalBytes(proven.receipt.tx, about.transaction)) {
    throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(about.transaction), proven: toHex(proven.receipt.tx) } })
  }
  return proven
}

/** The report as lines for a terminal. */
export function formatReceiptReport(report: ReceiptReport): string {
  const who = report.attestedBy.map(({ node, member, name }) => `${name ?? `member ${member}`} (node ${node})`).join(', ')
  const history = report.certifiedHeight === report.height ? 'the block itself is certified' : `certified through block ${report.certifiedHeight}, whose history contains it`
  return [
    report.superseded === true ? 'receipt SUPERSEDED: its block was final once, and a recovery of the chain gave it up; what it says is no longer so' : 'receipt valid',
    `  chain        ${report.chain}`,
    `  transaction  ${report.transaction}`,
    `  result       ${report.code}`,
    `  block        ${report.height}, position ${report.position}, ${new Date(report.timeMs).toISOString()}`,
    `  finality     ${report.attestedBy.length} of ${report.voters} voters attested (${report.needed} needed); ${history}`,
    `  attested by  ${who}`,
    ...report.events.map(({ contract, name }) => `  event        ${contract}.${name}`),
  ].join('\n')
}
