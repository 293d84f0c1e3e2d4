import { equalBytes, toHex, utf8Bytes } from '../primitives/bytes.ts'
import { blockHashOf } from '../primitives/block.ts'
import { chainIdOf, genesisMemberSet, type Genesis } from '../primitives/genesis.ts'
import { certificateQuorum } from '../primitives/member-set.ts'
import type { ProofAnchor } from '../primitives/proof-anchor.ts'
import { decodeProofText, verifyProofBundle, type ProofBundle, type ProvenBundle } from '../primitives/proof-bundle.ts'
import { clientError } from './errors.ts'
import { decodeEvents, type DecodedEvent } from './transaction.ts'

/** What a verifier trusts: a genesis, a chain it knows already, or the 32-byte hash of a block it once saw final. */
export type ProofTrust = { readonly genesis: Genesis } | ProofAnchor

/** What a valid bundle proves, in terms for people. Heights count blocks, times are ms. */
export interface ProofReport {
  readonly chain: string
  readonly anchor: 'genesis' | 'checkpoint'
  /** The block whose certificate carries the proof. */
  readonly certified: { readonly height: number; readonly hash: string; readonly timeMs: number }
  /** Who attested, by node and member number. */
  readonly attestedBy: readonly { readonly node: number; readonly member: number }[]
  readonly needed: number
  readonly voters: number
  /** Changes of members between the anchor and the certificate, each proven. */
  readonly memberChanges: number
  readonly receipt?: { readonly transaction: string; readonly height: number; readonly position: number; readonly timeMs: number; readonly code: string; readonly events: readonly DecodedEvent[]; readonly superseded: boolean }
  /** `value` null: the key had none. `superseded`: a recovery of the chain gave the height up; it was final once. */
  readonly state?: { readonly key: string; readonly value: string | null; readonly height: number; readonly timeMs: number; readonly superseded: boolean }
}

/** What the caller asked for: a valid proof of something else is refused with `CLIENT_PROOF_MISMATCH`. */
export interface ProofSubject { readonly transaction?: Uint8Array; readonly key?: Uint8Array }

/**
 * Verifies a proof bundle with no node, no network and no clock. `text`: the file as it was given, byte for byte.
 * Throws CODEC_*, PROOF_*, HISTORY_*, RECOVERY_*, CERTIFICATE_* or `CLIENT_PROOF_MISMATCH`, naming what is wrong.
 */
export function verifyProof(text: Uint8Array | string, trust: ProofTrust, about: ProofSubject = {}): ProofReport {
  const anchor = 'genesis' in trust ? { chain: chainIdOf(trust.genesis), members: genesisMemberSet(trust.genesis) } : trust
  const bundle = decodeProofText(typeof text === 'string' ? utf8Bytes(text) : text)
  const proven = verifyProofBundle(anchor, bundle)
  checkSubject(proven, about)
  return reportOf(bundle, proven, 'checkpoint' in anchor ? 'checkpoint' : 'genesis')
}

function checkSubject({ receipt, state }: ProvenBundle, { transaction, key }: ProofSubject): void {
  const other = (asked: Uint8Array, proven: Uint8Array | undefined): boolean => proven === undefined || !equalBytes(asked, proven)
  if (transaction !== undefined && other(transaction, receipt?.receipt.tx)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(transaction), proven: toHex(receipt?.receipt.tx ?? new Uint8Array(0)) } })
  if (key !== undefined && other(key, state?.key)) throw clientError('CLIENT_PROOF_MISMATCH', { details: { asked: toHex(key), proven: toHex(state?.key ?? new Uint8Array(0)) } })
}

function reportOf(bundle: ProofBundle, { chain, certified, certificate, members, memberChanges, receipt, state }: ProvenBundle, anchor: ProofReport['anchor']): ProofReport {
  return {
    chain: toHex(chain), anchor, memberChanges, needed: certificateQuorum(members.voters.length), voters: members.voters.length,
    certified: { height: Number(certified.height), hash: toHex(blockHashOf(chain, bundle.certified.header)), timeMs: Number(certified.timeMs) },
    attestedBy: certificate.signatures.map(({ node }) => ({ node, member: members.voters.find((voter) => voter.node === node)?.member ?? 0 })),
    ...(receipt !== undefined && { receipt: {
      transaction: toHex(receipt.receipt.tx), height: Number(receipt.header.height), position: receipt.receipt.position, timeMs: Number(receipt.header.timeMs),
      code: receipt.receipt.code, events: decodeEvents(receipt.receipt), superseded: receipt.superseded,
    } }),
    ...(state !== undefined && { state: {
      key: toHex(state.key), value: state.value === undefined ? null : toHex(state.value), height: Number(state.header.height), timeMs: Number(state.header.timeMs), superseded: state.superseded,
    } }),
  }
}

/** The report as lines for a terminal: what holds, then what it says. */
export function formatProofReport(report: ProofReport, mark = '✓'): string {
  const { certified, receipt, state } = report
  const at = ({ height, timeMs, superseded }: { readonly height: number; readonly timeMs: number; readonly superseded: boolean }): string =>
    `block ${height}, ${new Date(timeMs).toISOString()}${superseded ? ' (SUPERSEDED: a recovery of the chain gave this height up)' : ''}`
  return [
    `${mark} chain         ${report.chain}, from ${report.anchor === 'genesis' ? 'its genesis' : 'the checkpoint'}`,
    `${mark} members       ${report.memberChanges === 0 ? 'no change' : `${report.memberChanges} proven changes`} since; ${report.voters} voters`,
    `${mark} certificate   block ${certified.height}: ${report.attestedBy.length} of ${report.voters} voters attested (${report.needed} needed): ${report.attestedBy.map(({ node, member }) => `node ${node} of member ${member}`).join(', ')}`,
    ...(receipt === undefined ? [] : [
      `${mark} receipt       transaction ${receipt.transaction}`,
      `                ${receipt.code}, ${at(receipt)}, position ${receipt.position}`,
      ...receipt.events.map(({ contract, name }) => `                event ${contract}.${name}`),
    ]),
    ...(state === undefined ? [] : [
      `${mark} state         key ${state.key}`,
      `                ${state.value === null ? 'held nothing' : `held ${state.value.length / 2} bytes: ${state.value.length > 128 ? `${state.value.slice(0, 128)}…` : state.value}`} after ${at(state)}`,
    ]),
  ].join('\n')
}
