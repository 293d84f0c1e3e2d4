import { attestationBytes, attestationSchema, certificateSchema, verifyCertificate } from '../primitives/certificate.ts'
import type { Attestation, Certificate } from '../primitives/certificate.ts'
import { decode } from '../primitives/codec.ts'
import { errorCode, SteleError } from '../primitives/error.ts'
import { verify } from '../primitives/signature.ts'
import type { RecordPlace } from '../state/ledger-state.ts'
import type { ChainRules } from './chain-rules.ts'
import type { ContentDigests } from './verify-content.ts'
import { recordAt } from './verify-ledger.ts'
import type { ScannedLedger } from './verify-ledger.ts'
import type { VerifyJournal } from './verify-report.ts'

export interface CertificateResult { readonly checked: number; readonly attestations: number; readonly finalHeight: number }

/** Records between two turns of the event loop. */
const SLICE = 256

/**
 * Checks every certificate against the member set and every attestation this node ever signed: signatures, quorum of distinct voters, the content is the block of that height in this
 * very ledger, and attested heights only ascend (never two at one height). `contents`: what `ChainCheck` read.
 */
export async function checkCertificates(rules: ChainRules, ledger: ScannedLedger, contents: ContentDigests, journal: VerifyJournal, signal: AbortSignal | undefined): Promise<CertificateResult> {
  const total = ledger.certificates.length + ledger.attestations.length
  let done = 0
  const step = async (): Promise<void> => {
    if (++done % SLICE !== 0 && done !== total) return
    signal?.throwIfAborted()
    journal.progress('certificates', done, total)
    await new Promise((resolve) => setImmediate(resolve))
  }
  let finalHeight = 0
  for (const place of ledger.certificates) {
    finalHeight = Math.max(finalHeight, guarded(place, journal, () => checkCertificate(rules, ledger, contents, journal, place)) ?? 0)
    await step()
  }
  let last: Attestation | undefined
  for (const place of ledger.attestations) {
    last = guarded(place, journal, () => checkAttestation(rules, ledger, contents, journal, place, last)) ?? last
    await step()
  }
  return { checked: ledger.certificates.length, attestations: ledger.attestations.length, finalHeight }
}

function guarded<T>(place: RecordPlace, journal: VerifyJournal, check: () => T): T | undefined {
  try {
    return check()
  } catch (error) {
    const code = errorCode(error)
    if (!(error instanceof SteleError) || code === undefined || code === 'INVARIANT_BROKEN') throw error
    journal.find({ part: 'certificates', code, rule: error.message, segment: place.segment, offset: place.offset, details: error.details })
    return undefined
  }
}

function checkCertificate(rules: ChainRules, ledger: ScannedLedger, contents: ContentDigests, journal: VerifyJournal, place: RecordPlace): number {
  const record = recordAt(ledger, place)
  if (record.type !== 'certificate') return 0
  const certificate: Certificate = decode(certificateSchema, record.certificate.bytes)
  const height = Number(certificate.content.height)
  verifyCertificate(rules.chain, rules.membersAt(height), certificate)
  if (height !== record.certificate.height) journal.find({ part: 'certificates', code: 'LEDGER_DAMAGED', rule: 'the record names the height of its certificate', height, segment: place.segment, offset: place.offset })
  judge(contents.agrees(certificate.content), 'certificate', height, place, journal, ledger)
  return height
}

function checkAttestation(rules: ChainRules, ledger: ScannedLedger, contents: ContentDigests, journal: VerifyJournal, place: RecordPlace, last: Attestation | undefined): Attestation | undefined {
  const record = recordAt(ledger, place)
  if (record.type !== 'attestation' || record.attestation.bytes === undefined) return undefined
  const attestation = decode(attestationSchema, record.attestation.bytes)
  const { content, node, signature } = attestation
  const height = Number(content.height)
  const find = (code: string, rule: string): void => journal.find({ part: 'certificates', code, rule, height, segment: place.segment, offset: place.offset })
  const voter = rules.membersAt(height).voters.find((each) => each.node === node)
  if (voter === undefined) find('CERTIFICATE_SIGNER_UNKNOWN', 'the attesting node is a voter')
  else if (!verify(voter.attestationKey, attestationBytes(rules.chain, content), signature)) find('CERTIFICATE_SIGNATURE_INVALID', 'the attestation\'s signature verifies')
  if (last !== undefined && (last.node !== node || content.epoch < last.content.epoch || (content.epoch === last.content.epoch && content.height <= last.content.height))) find('EQUIVOCATION', 'a node attests once to a height, and heights ascend')
  judge(contents.agrees(content), 'attestation', height, place, journal, ledger)
  return attestation
}

function judge(agrees: boolean | undefined, what: 'certificate' | 'attestation', height: number, { segment, offset }: RecordPlace, journal: VerifyJournal, ledger: ScannedLedger): void {
  if (agrees === true) return
  // Blocks below the base were pruned, and a ledger that began with a snapshot may hold the certificate of a block it has not come to.
  const { base, lastHeight } = ledger.image.state.index
  if (agrees === undefined && base.index > 0 && (height <= base.height || height > lastHeight)) return
  const rule = agrees === undefined ? `the ledger holds the block of its ${what}` : `the ${what} is for the block this ledger holds at that height`
  journal.find({ part: 'certificates', code: 'CERTIFICATE_OTHER_BLOCK', rule, height, segment, offset })
}
