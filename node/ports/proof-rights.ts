import { equalBytes, fromHex, toHex } from '../../primitives/bytes.ts'
import { readAccount, readRecord } from '../../contracts/index.ts'
import { consents } from '../../contracts/consent/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import { members } from '../../contracts/membership/tables.ts'
import { records, sections, versions } from '../../contracts/records/tables.ts'
import type { Caller } from '../../rpc/ports.ts'
import type { readerOf } from '../../contracts/index.ts'

type Reader = ReturnType<typeof readerOf>

const TABLE_BYTES = 2
const ID_BYTES = 32
const NO_ID = new Uint8Array(ID_BYTES)
const tableOf = (key: Uint8Array): string => toHex(key.subarray(0, TABLE_BYTES))
const MEMBERS = tableOf(members.keyOf(0))
const ACCOUNTS = tableOf(accounts.keyOf(NO_ID))
const CONSENTS = tableOf(consents.keyOf(NO_ID))
const OF_RECORDS: ReadonlySet<string> = new Set([records.keyOf(NO_ID), versions.keyOf(NO_ID, 0), sections.keyOf(NO_ID, 0, 0)].map(tableOf))

/**
 * Whether a caller may have the row under `key` proven, present or absent. A proof is a read like any other: without this, anybody with an account could walk
 * a patient's consents and records by their keys (DESIGN §5.13). Institutions hold all block bodies; members and the public keys of accounts are for everybody;
 * a record or a consent for its patient and the patient's own institution, a consent for its grantee too; what is kept under an account, for that account.
 * What is not there is not for the caller either, so that the two look alike.
 */
export function mayProve(reader: Reader, key: Uint8Array, caller: Caller): boolean {
  const table = tableOf(key)
  if (caller.kind === 'institution' || table === MEMBERS || table === ACCOUNTS) return true
  const id = key.subarray(TABLE_BYTES, TABLE_BYTES + ID_BYTES)
  if (id.length < ID_BYTES) return false
  if (OF_RECORDS.has(table)) return maySee(reader, readRecord(reader, id)?.subject, caller)
  if (table === CONSENTS) {
    const consent = reader.get(consents, id)
    const grantee = consent?.terms.grantee
    return maySee(reader, consent?.patient, caller) || (grantee?.kind === 'account' && toHex(grantee.value) === caller.account)
  }
  return equalBytes(id, fromHex(caller.account))
}

function maySee(reader: Reader, subject: Uint8Array | undefined, caller: Caller): boolean {
  if (subject === undefined) return false
  if (toHex(subject) === caller.account) return true
  return (caller.kind === 'auditor' || caller.kind === 'service') && readAccount(reader, subject)?.member === caller.member
}
