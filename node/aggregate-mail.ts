import { equalBytes, toHex } from '../primitives/bytes.ts'
import { aggregateQuery, queryHash } from '../primitives/calls/aggregate-query.ts'
import { anonymizationEvents } from '../primitives/calls/anonymization.ts'
import { decode } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { errorCode } from '../primitives/error.ts'
import { receiptSchema } from '../primitives/receipt.ts'
import type { Caller } from '../rpc/ports.ts'
import type { MailboxAddress, MailboxKind } from '../vault/mailbox.ts'
import type { ChainStore } from './chain-store.ts'

/** What somebody paid for, as its receipt says. */
export type Spent = Infer<typeof anonymizationEvents.spent>
type Place = Pick<MailboxAddress, 'section' | 'kind'>

export const isAggregateKind = (kind: MailboxKind): boolean => kind === 'question' || kind === 'share' || kind === 'answer'

/** What a final or committed transaction paid for; undefined when it is none that spends. */
export function findSpent(store: Pick<ChainStore, 'locate' | 'receipt'>, transaction: Uint8Array): Spent | undefined {
  const location = store.locate(transaction)
  const bytes = location === undefined ? undefined : store.receipt(location)
  const event = bytes === undefined ? undefined : decode(receiptSchema, bytes).events.find(({ contract, name }) => contract === 'anonymization' && name === 'spent')
  return event === undefined ? undefined : decode(anonymizationEvents.spent, event.data)
}

/** Which member's node may bring an entry: the asker's the question, a site's its own share, the owner's the answer. */
export function mayBring({ recipient, sites, owner }: Spent, { section, kind }: Place, member: number): boolean {
  if (kind === 'share') return member === section && sites.includes(member)
  return section === 0 && member === (kind === 'question' ? recipient : owner)
}

/** Whether a caller may leave these bytes: a question must be the one that was paid for. */
export function mayLeave(spent: Spent, place: Place, caller: Caller, bytes: Uint8Array): boolean {
  if (!mayBring(spent, place, caller.member)) return false
  return place.kind === 'question' ? caller.account === toHex(spent.requester) && isQuestion(bytes, spent.query) : caller.kind === 'institution'
}

/** The question for those who answer it, shares for the owner, the answer for who asked. What is sealed opens for nobody else anyway. */
export function mayFetch(spent: Spent, { kind }: Place, caller: Caller): boolean {
  if (kind === 'answer') return caller.account === toHex(spent.requester)
  if (caller.kind !== 'institution') return false
  return kind === 'share' ? caller.member === spent.owner : spent.sites.includes(caller.member) || caller.member === spent.owner
}

/** Whether a caller has part in an aggregate at all. */
export function isParty({ requester, sites, owner }: Spent, { account, kind, member }: Caller): boolean {
  return account === toHex(requester) || (kind === 'institution' && (sites.includes(member) || member === owner))
}

function isQuestion(bytes: Uint8Array, query: Uint8Array): boolean {
  try {
    return equalBytes(queryHash(decode(aggregateQuery, bytes)), query)
  } catch (error) {
    // Bytes of the caller that are no question; a fault of this program is none of its codes.
    if (errorCode(error)?.startsWith('CODEC_') === true) return false
    throw error
  }
}
