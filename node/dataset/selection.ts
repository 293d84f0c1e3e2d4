import { randomBytes } from 'node:crypto'
import { compareBytes } from '../../primitives/bytes.ts'
import { originalLeaf, selectionLeaf } from '../../primitives/calls/anonymization.ts'
import type { SelectedPerson } from '../../primitives/calls/anonymization.ts'
import { array, encode, fixedBytes, struct, text, u32 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { sha256 } from '../../primitives/hash.ts'
import { merkleRoot } from '../../primitives/merkle.ts'
import { mayBeReleased } from '../../contracts/anonymization/person-consent.ts'
import type { ReleaseUse } from '../../contracts/anonymization/person-consent.ts'
import { consents, pairKey, pairs } from '../../contracts/consent/tables.ts'
import { accounts } from '../../contracts/identity/accounts.ts'
import type { Reader } from '../../contracts/index.ts'
import type { RemoteState } from './remote-state.ts'

const cells = array(text({ max: 4_096 }), { max: 1_000 })

/** What a contributor hands to the author, off the ledger: persons in the order of their leaves, each with its row. */
export const selectionFile = struct({
  request: fixedBytes(32), member: u32, columns: cells,
  persons: array(struct({ salt: fixedBytes(32), account: fixedBytes(32), consent: fixedBytes(32), consentVersion: u32, rowSalt: fixedBytes(32), row: cells }), { max: 10_000_000 }),
})
export type SelectionFile = Infer<typeof selectionFile>

/** A row of the contributor's table, and whose it is. */
export interface PersonRow { readonly account: Uint8Array; readonly row: readonly string[] }

/** The keys that tell whether somebody's consent carries a release: for fetching ahead. */
function consentKeys(account: Uint8Array, { contributor, requester, requesterMember }: ReleaseUse): Uint8Array[] {
  const grantees = [{ kind: 'member', value: contributor }, { kind: 'account', value: requester }, { kind: 'member', value: requesterMember }] as const
  return grantees.map((grantee) => pairs.keyOf(...pairKey(account, grantee)))
}

function consentOf(reader: Reader, account: Uint8Array, use: ReleaseUse, salt: Uint8Array): SelectedPerson | undefined {
  const grantees = [{ kind: 'member', value: use.contributor }, { kind: 'account', value: use.requester }, { kind: 'member', value: use.requesterMember }] as const
  for (const grantee of grantees) {
    for (const consent of reader.get(pairs, ...pairKey(account, grantee)) ?? []) {
      const found = reader.get(consents, consent)
      const person = { salt, account, consent, consentVersion: found?.version ?? 0 }
      if (found?.state === 'live' && mayBeReleased(reader, person, use)) return person
    }
  }
  return undefined
}

/** Keeps the rows whose person's consent carries the release; the consents decide, nobody else. Persons ascend by leaf. */
export async function selectPersons(state: RemoteState, people: readonly PersonRow[], use: ReleaseUse): Promise<SelectionFile['persons']> {
  await state.prefetch(people.flatMap(({ account }) => [accounts.keyOf(account), ...consentKeys(account, use)]))
  const chosen: SelectionFile['persons'] = []
  for (const { account, row } of people) {
    const person = await state.read((reader) => consentOf(reader, account, use, randomBytes(32)))
    if (person !== undefined) chosen.push({ ...person, salt: new Uint8Array(person.salt), rowSalt: new Uint8Array(randomBytes(32)), row: [...row] })
  }
  return chosen.sort((a, b) => compareBytes(selectionLeaf(a), selectionLeaf(b)))
}

/** The two salted roots that `select` puts on the ledger. */
export function selectionRoots(persons: SelectionFile['persons']): { readonly selection: Uint8Array; readonly original: Uint8Array } {
  const originals = persons.map(({ rowSalt, row }) => originalLeaf(rowSalt, sha256(encode(cells, row)))).sort(compareBytes)
  return { selection: merkleRoot(persons.map(selectionLeaf)), original: merkleRoot(originals) }
}
