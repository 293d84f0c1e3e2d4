import type { AuditEntry } from '../../client/actions/list-audit.ts'
import { toHex } from '../../primitives/bytes.ts'
import { ACTION_WORDS, PURPOSE_WORDS, sayTime, TYPE_WORDS, wordFor } from './words.ts'

/** What the reader of the trail knows beside the ledger: which records are whose, from the patient's own tag dictionary. */
export interface AuditContext {
  /** FHIR type of a record by its id in hex; undefined for a record the patient does not have. */
  readonly typeOf: (record: string) => string | undefined
}

/**
 * One entry of the audit trail as a plain sentence: "21 Nov 2026, 10:05 UTC: Dr Rao, City Hospital, asked to read a test result for treatment: allowed."
 * Who asked comes from the sealed details, which the ledger's hash confirms; when they are missing or false the sentence says so instead of guessing.
 */
export function auditSentence({ timeMs, decision, details, detailsState }: AuditEntry, { typeOf }: AuditContext): string {
  const who = details?.who ?? UNKNOWN_WHO[detailsState]
  const type = typeOf(toHex(decision.record))
  const what = type === undefined ? 'a record that is not yours or does not exist' : wordFor(TYPE_WORDS, type)
  const action = wordFor(ACTION_WORDS, decision.action)
  const outcome = decision.decision === 'permit' ? 'allowed' : 'refused'
  const reason = details !== undefined && details.reason !== '' ? ` (reason given: "${printable(details.reason)}")` : ''
  return `${timeMs === undefined ? 'At an unknown time' : sayTime(timeMs)}: ${printable(who)}, asked to ${action} ${what} for ${wordFor(PURPOSE_WORDS, decision.purpose)}: ${outcome}${reason}.`
}

const UNKNOWN_WHO: Readonly<Record<AuditEntry['detailsState'], string>> = {
  open: 'somebody', absent: 'somebody who left no name', 'not-for-us': 'somebody whose name is sealed to others', invalid: 'somebody who left a false name',
}

/** Text typed by others, made safe for a terminal: control characters and direction marks could rewrite the lines around them. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
}
