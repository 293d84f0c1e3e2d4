import { randomBytes } from 'node:crypto'
import { compareBytes } from '../../primitives/bytes.ts'
import { selectionLeaf } from '../../primitives/calls/anonymization.ts'
import { array, fixedBytes, struct, u32 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { sealRows } from '../../contracts/anonymization/originals.ts'
import type { OriginalRow } from '../../contracts/anonymization/originals.ts'
import { mayBeReleased } from '../../contracts/anonymization/person-consent.ts'
import type { ReleaseUse } from '../../contracts/anonymization/person-consent.ts'
import { consents, pairKey, pairs } from '../../contracts/consent/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import type { Reader } from '../../contracts/index.ts'
import type { RemoteState } from './remote-state.ts'

/** What a contributor hands to the author, off the ledger: persons in the order of their leaves. Their rows are a file of their own (`rowsSchema`), in an order that joins nobody to a row. */
export const selectionFile = struct({
  request: fixedBytes(32), member: u32, persons: array(struct({ salt: fixedBytes(32), account: fixedBytes(32), consent: fixedBytes(32), consentVersion: u32 }), { max: 10_000_000 }),
})
export type SelectionFile = Infer<typeof selectionFile>

/** A row of the contributor's table, and whose it is. */
export interface PersonRow { readonly account: Uint8Array; readonly row: readonly string[] }

const granteesOf = ({ contributor, requester, requesterMember }: ReleaseUse) => [{ kind: 'member', value: contributor }, { kind: 'account', value: requester }, { kind: 'member', value: requesterMember }] as const

function consentOf(reader: Reader, account: Uint8Array, use: ReleaseUse, salt: Uint8Array): SelectionFile['persons'][number] | undefined {
  for (const grantee of granteesOf(use)) {
    for (const consent of reader.get(pairs, ...pairKey(account, grantee)) ?? []) {
      const found = reader.get(consents, consent)
      const person = { salt, account, consent, consentVersion: found?.version ?? 0 }
      if (found?.state === 'live' && mayBeReleased(reader, person, use)) return person
    }
  }
  return undefined
}

/** Persons in the order of their leaves and rows in the order of theirs, with the two salted roots that `select` puts on the ledger. */
export interface Selected { readonly persons: SelectionFile['persons']; readonly rows: OriginalRow[]; readonly selection: Uint8Array; readonly original: Uint8Array }

/** Keeps the rows whose person's consent carries the release; the consents decide, nobody else. */
export async function selectPersons(state: RemoteState, people: readonly PersonRow[], use: ReleaseUse): Promise<Selected> {
  await state.prefetch(people.flatMap(({ account }) => [accounts.keyOf(account), ...granteesOf(use).map((grantee) => pairs.keyOf(...pairKey(account, grantee)))]))
  // Known by now, so that the consents themselves can be fetched many at a time too.
  const given = await state.read((reader) => people.flatMap(({ account }) => granteesOf(use).flatMap((grantee) => reader.get(pairs, ...pairKey(account, grantee)) ?? [])))
  await state.prefetch(given.map((consent) => consents.keyOf(consent)))
  const persons: SelectionFile['persons'] = []
  const rows: OriginalRow[] = []
  for (const { account, row } of people) {
    const person = await state.read((reader) => consentOf(reader, account, use, new Uint8Array(randomBytes(32))))
    if (person === undefined) continue
    persons.push(person)
    rows.push({ salt: new Uint8Array(randomBytes(32)), row: [...row] })
  }
  persons.sort((a, b) => compareBytes(selectionLeaf(a), selectionLeaf(b)))
  const sealed = sealRows(rows)
  return { persons, rows: sealed.rows, selection: merkleRoot(persons.map(selectionLeaf)), original: sealed.root }
}
