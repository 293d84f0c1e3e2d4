import { concatBytes, u32Bytes, u64Bytes } from '../primitives/bytes.ts'

/**
 * Every row of the database begins with one of these bytes. A number is never used again for another layout; a changed layout takes a new number and a
 * migration. Integers are big-endian so that byte order is numeric order. `ordered` rows end their key with height (8) ‖ position (4) ‖ ordinal (2):
 * position counts the transactions of a block from 0, ordinal the rows of one transaction under one owner.
 */
export const KEYSPACE = {
  /** 'schema' → version of all layouts (4); 'position' → what the state stands at (positionSchema in world-state.ts); 'floor' → lowest height whose receipts are kept (8); 'install…' → a snapshot being installed. */
  meta: 0x01,
  /** state key → state value. */
  value: 0x02,
  /** path of a tree node, one hex digit per byte → row form of tree-node.ts. */
  node: 0x03,
  /** transaction id (32) → location: height (8) ‖ position (4). */
  transaction: 0x10,
  /** height (8) → block hash (32) ‖ Raft index (8). */
  block: 0x11,
  /** block hash (32) → height (8). */
  blockHash: 0x12,
  /** height (8) ‖ position (4) → encoded receipt; of schema 1 alone, see upgrade.ts. */
  receipt: 0x13,
  /** subject account (32), ordered → encoded decision event. */
  auditBySubject: 0x14,
  /** requester account (32), ordered → encoded decision event. */
  auditByRequester: 0x15,
  /** record id (32), ordered → version (4). */
  recordVersion: 0x16,
  /** consent id (32), ordered → transaction id (32) of each change. */
  consentChange: 0x18,
  /** custodian member (4), ordered: permits on records it keeps → encoded decision event. */
  permitByCustodian: 0x1a,
  /** level (1) ‖ index (8) → hash of a complete subtree of the block history, leaf i = block i. */
  history: 0x1b,
  /** height (8) ‖ position of the first (4), a multiple of 16 → up to 16 encoded receipts, each behind its length (4). */
  receipts: 0x1c,
} as const

export type Keyspace = keyof typeof KEYSPACE

/** Keyspaces whose keys are owner ‖ height ‖ position ‖ ordinal; the owner has one fixed length in each. */
export type OrderedKeyspace = 'auditBySubject' | 'auditByRequester' | 'recordVersion' | 'consentChange' | 'permitByCustodian'

/** Where in the chain something happened. */
export interface Location { readonly height: number; readonly position: number }

/** The row key of `parts` in `space`. */
export function rowKey(space: Keyspace, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 1
  for (const part of parts) length += part.length
  const key = new Uint8Array(length)
  key[0] = KEYSPACE[space]
  let at = 1
  for (const part of parts) {
    key.set(part, at)
    at += part.length
  }
  return key
}

/** First key past every row of `space`. */
export function spaceEnd(space: Keyspace): Uint8Array {
  return Uint8Array.of(KEYSPACE[space] + 1)
}

export function locationBytes({ height, position }: Location): Uint8Array {
  return concatBytes(u64Bytes(height), u32Bytes(position))
}

const LOCATION_BYTES = 12

/** `locationBytes` of the first `count` positions of a block, as pieces of one buffer. */
export function locationsBytes(height: number, count: number): Uint8Array[] {
  const all = new Uint8Array(LOCATION_BYTES * count)
  const view = new DataView(all.buffer)
  const pieces: Uint8Array[] = []
  for (let position = 0; position < count; position++) {
    const at = LOCATION_BYTES * position
    view.setUint32(at, Math.floor(height / 2 ** 32))
    view.setUint32(at + 4, height % 2 ** 32)
    view.setUint32(at + 8, position)
    pieces.push(new Uint8Array(all.buffer, at, LOCATION_BYTES))
  }
  return pieces
}

/** Inverse of `locationBytes`, reading at `offset`. */
export function locationFrom(bytes: Uint8Array, offset = 0): Location {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { height: Number(view.getBigUint64(offset)), position: view.getUint32(offset + 8) }
}
