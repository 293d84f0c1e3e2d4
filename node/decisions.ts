import { decisionEvent } from '../primitives/calls/access.ts'
import type { DecisionEvent } from '../primitives/calls/access.ts'
import { decode } from '../primitives/codec.ts'
import { receiptSchema } from '../primitives/receipt.ts'
import type { Location } from '../state/keyspace.ts'
import type { ChainStore } from './chain-store.ts'

/** A committed decision and where it stands. */
export interface LocatedDecision { readonly location: Location; readonly decision: DecisionEvent }

/** The decision that a request transaction led to; undefined when it is not committed or asked for none. */
export function findDecision(store: ChainStore, request: Uint8Array): LocatedDecision | undefined {
  const location = store.locate(request)
  const bytes = location === undefined ? undefined : store.receipt(location)
  if (location === undefined || bytes === undefined) return undefined
  const event = decode(receiptSchema, bytes).events.find(({ contract, name }) => contract === 'access' && name === 'decision')
  return event === undefined ? undefined : { location, decision: decode(decisionEvent, event.data) }
}
