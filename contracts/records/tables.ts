import { array, fixedBytes, struct, u32, u64 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { provenance, RECORD_LIMITS, section } from '../../primitives/calls/records.ts'
import { defineTable, idPart, u32Part } from '../runtime/table.ts'

const record = struct({ subject: fixedBytes(32), latest: u32 })
export type Record = Infer<typeof record>

const version = struct({
  sectionCount: u32, custodians: array(u32, { max: RECORD_LIMITS.custodiansMax }), nodes: array(u32, { max: RECORD_LIMITS.receiptsMax }),
  provenance, registrar: fixedBytes(32), height: u64, timeMs: u64,
})
export type RecordVersion = Infer<typeof version>

/** record → its subject and newest version. */
export const records = defineTable({ contract: 'records', name: 'records', number: 1, key: [idPart], value: record })
/** (record, version) → who registered it when, who holds it, where it came from. */
export const versions = defineTable({ contract: 'records', name: 'versions', number: 2, key: [idPart, u32Part], value: version })
/** (record, version, section) → commitment, blob and labels. A leaf of its own, so that a decision reads only what was asked for. */
export const sections = defineTable({ contract: 'records', name: 'sections', number: 3, key: [idPart, u32Part, u32Part], value: section })
/** subject → how many records it has. */
export const recordCounts = defineTable({ contract: 'records', name: 'counts', number: 4, key: [idPart], value: u32 })
/** (subject, position from 0) → record. */
export const recordLists = defineTable({ contract: 'records', name: 'lists', number: 5, key: [idPart, u32Part], value: fixedBytes(32) })
