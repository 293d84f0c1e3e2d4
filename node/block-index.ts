import { concatBytes, u32Bytes, u64Bytes } from '../primitives/bytes.ts'
import { decisionEvent } from '../primitives/calls/access.ts'
import type { DecisionEvent } from '../primitives/calls/access.ts'
import { consentEvents } from '../primitives/calls/consent.ts'
import { recordsEvents } from '../primitives/calls/records.ts'
import { decode } from '../primitives/codec.ts'
import type { Schema } from '../primitives/codec.ts'
import type { SubtreeHash } from '../primitives/merkle.ts'
import { readVersion } from '../contracts/index.ts'
import { readerOf } from '../contracts/index.ts'
import { rowKey } from '../state/keyspace.ts'
import { blockWrites, orderedWrite, receiptWrites, transactionWrites } from '../state/indexes.ts'
import type { IndexWrite, Place } from '../state/indexes.ts'
import type { DatabaseView } from '../state/database.ts'
import { worldError } from '../state/world-errors.ts'
import type { ExecutedBlock, HistoryNode } from './executed-block.ts'

/** The rows a committed block adds beside the state: found again by id, height, account and record. */
export function indexRows(block: ExecutedBlock): IndexWrite[] {
  const { height, hash, index, transactions, receipts, receiptBytes, historyNodes } = block
  const rows = [...blockWrites(height, hash, index), ...historyRows(historyNodes), ...receiptWrites(height, receiptBytes), ...transactionWrites(height, transactions.map(({ id }) => id))]
  transactions.forEach(({ id }, position) => {
    receipts[position]!.events.forEach(({ contract, name, data }, ordinal) => {
      const place = { height, position, ordinal }
      if (contract === 'access' && name === 'decision') rows.push(...decisionRows(block, place, data))
      if (contract === 'records' && name === 'registered') rows.push(registrationRow(place, data))
      if (contract === 'consent') rows.push(consentRow(place, id, name, data))
    })
  })
  return rows
}

function registrationRow(place: Place, data: Uint8Array): IndexWrite {
  const { record, version } = decode(recordsEvents.registered, data)
  return orderedWrite('recordVersion', record, place, u32Bytes(version))
}

function consentRow(place: Place, transaction: Uint8Array, name: string, data: Uint8Array): IndexWrite {
  const { consent } = decode((name === 'granted' ? consentEvents.granted : name === 'amended' ? consentEvents.amended : consentEvents.revoked) as Schema<{ consent: Uint8Array }>, data)
  return orderedWrite('consentChange', consent, place, transaction)
}

function decisionRows(block: ExecutedBlock, place: Place, data: Uint8Array): IndexWrite[] {
  const decision = decode(decisionEvent, data)
  const rows = [orderedWrite('auditBySubject', decision.subject, place, data), orderedWrite('auditByRequester', decision.requester, place, data)]
  if (decision.decision === 'permit') {
    for (const member of custodiansOf(block, decision)) rows.push(orderedWrite('permitByCustodian', u32Bytes(member), place, data))
  }
  return rows
}

/** The institutions that hold the keys of the permitted version, as the state after the block names them. */
function custodiansOf({ layer }: ExecutedBlock, { record, version }: DecisionEvent): readonly number[] {
  const reader = readerOf(layer)
  return readVersion(reader, record, version)?.custodians ?? []
}

export function historyRows(nodes: readonly HistoryNode[]): IndexWrite[] {
  return nodes.map(({ level, index, hash }) => ({ space: 'history' as const, key: historyKey(level, index), value: hash }))
}

function historyKey(level: number, index: number): Uint8Array {
  return concatBytes(Uint8Array.of(level), u64Bytes(index))
}

/** Subtree hashes of the block history, for inclusion paths. `STATE_DAMAGED` when a row that must be there is not. */
export function historySubtree(view: DatabaseView): SubtreeHash {
  return (level, index) => {
    const hash = view.get(rowKey('history', historyKey(level, index)))
    if (hash === undefined) throw worldError('STATE_DAMAGED', { row: `history ${level}/${index}` })
    return hash
  }
}

/** The rows of a history of `size` blocks of which only its peaks are known: enough for the paths of every later block. */
export function historyPeakRows(size: number, peaks: readonly Uint8Array[]): IndexWrite[] {
  const places: { level: number; index: number }[] = []
  const unused: SubtreeHash = (level, index) => {
    places.push({ level, index })
    return new Uint8Array(0)
  }
  walkPeaks(size, unused)
  return historyRows(places.map((place, i) => ({ ...place, hash: peaks[i]! })))
}

/** The largest complete subtrees of a history of `size` blocks, largest first: where its accumulator goes on. */
export function historyPeaks(view: DatabaseView, size: number): Uint8Array[] {
  return walkPeaks(size, historySubtree(view))
}

function walkPeaks(size: number, subtree: SubtreeHash): Uint8Array[] {
  const peaks: Uint8Array[] = []
  let start = 0
  for (let level = Math.floor(Math.log2(Math.max(1, size))); level >= 0; level--) {
    const span = 2 ** level
    if (start + span > size) continue
    peaks.push(subtree(level, start / span))
    start += span
  }
  return peaks
}
