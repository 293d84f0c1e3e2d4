import { equalBytes } from '../../primitives/bytes.ts'
import type { SelectedPerson } from '../../primitives/calls/anonymization.ts'
import type { ConsentTerms } from '../../primitives/calls/consent.ts'
import { isWithinConfidentiality } from '../../primitives/calls/labels.ts'
import type { Purpose } from '../../primitives/calls/purposes.ts'
import { coversUse } from '../consent/coverage.ts'
import { consents, earlierTerms } from '../consent/tables.ts'
import { readAccount } from '../identity/accounts.ts'
import type { Reader } from '../runtime/table.ts'

/** What a person's consent has to carry to be in a release. */
export interface ReleaseUse {
  /** The institution that contributes the person, and enrolled it. */
  readonly contributor: number
  readonly requester: Uint8Array
  readonly requesterMember: number
  readonly purpose: Purpose
  /** The newest block whose consents the author went by, and the time of the release (u64 ms). */
  readonly readAtHeight: bigint
  readonly timeMs: bigint
}

/**
 * Terms of the cited version of a consent as they stood after block `height`; undefined when it did not exist, was superseded or was revoked by then. What
 * happened later does not count: it ends the next release.
 */
export function termsAt(reader: Reader, { account, consent, consentVersion }: SelectedPerson, height: bigint): ConsentTerms | undefined {
  const newest = reader.get(consents, consent)
  if (newest === undefined || !equalBytes(newest.patient, account) || consentVersion < 1 || consentVersion > newest.version) return undefined
  if (newest.state === 'live' && newest.version === consentVersion) return newest.sinceHeight <= height ? newest.terms : undefined
  const cited = reader.get(earlierTerms, consent, consentVersion)
  if (cited === undefined || cited.sinceHeight > height) return undefined
  // Ended by a revocation when it is the newest version, else by the version after it.
  const ended = consentVersion === newest.version || consentVersion + 1 === newest.version && newest.state === 'live' ? newest.sinceHeight : reader.get(earlierTerms, consent, consentVersion + 1)?.sinceHeight
  return ended !== undefined && ended > height ? cited.terms : undefined
}

/**
 * Whether a person may be in a release: enrolled by the contributor and not suspended, with a consent that was live at `readAtHeight`, is in its period, carries the action
 * `export` and the purpose, and serves the contributor, the requester or the requester's institution. A consent that is narrowed to tags, to classes
 * without `research` or below level N does not carry a table.
 */
export function mayBeReleased(reader: Reader, person: SelectedPerson, { contributor, requester, requesterMember, purpose, readAtHeight, timeMs }: ReleaseUse): boolean {
  const account = readAccount(reader, person.account)
  if (account?.kind !== 'patient' || account.member !== contributor || account.suspended) return false
  const terms = termsAt(reader, person, readAtHeight)
  if (terms === undefined) return false
  const { grantee } = terms
  const serves = grantee.kind === 'account' ? equalBytes(grantee.value, requester) : grantee.value === contributor || grantee.value === requesterMember
  const isNarrowed = terms.requires.length > 0 || (terms.classes.length > 0 && !terms.classes.includes('research')) || !isWithinConfidentiality('N', terms.confidentialityMax)
  return serves && !isNarrowed && coversUse(terms, { timeMs, action: 'export', purpose })
}
