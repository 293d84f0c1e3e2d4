import type { Section } from '../../primitives/calls/records.ts'
import type { Reader } from '../runtime/table.ts'
import { recordCounts, recordLists, records, sections, versions } from './tables.ts'
import type { Record, RecordVersion } from './tables.ts'

export interface ReadVersion extends RecordVersion { readonly version: number; readonly sections: readonly Section[] }

export function readRecord(reader: Reader, record: Uint8Array): Record | undefined {
  return reader.get(records, record)
}

/** One version with all its sections; undefined when it does not exist. */
export function readVersion(reader: Reader, record: Uint8Array, version: number): ReadVersion | undefined {
  const found = reader.get(versions, record, version)
  if (found === undefined) return undefined
  const list: Section[] = []
  for (let number = 0; number < found.sectionCount; number++) {
    const section = reader.get(sections, record, version, number)
    if (section !== undefined) list.push(section)
  }
  return { ...found, version, sections: list }
}

/** All versions, oldest first (REQUIREMENTS L7). */
export function recordHistory(reader: Reader, record: Uint8Array): ReadVersion[] {
  const latest = reader.get(records, record)?.latest ?? 0
  return Array.from({ length: latest }, (_, i) => readVersion(reader, record, i + 1)).filter((version) => version !== undefined)
}

export function recordCount(reader: Reader, subject: Uint8Array): number {
  return reader.get(recordCounts, subject) ?? 0
}

/** A subject's records in the order of registration: positions [from, from + limit). */
export function listRecords(reader: Reader, subject: Uint8Array, from: number, limit: number): { readonly record: Uint8Array, readonly latest: number }[] {
  const end = Math.min(recordCount(reader, subject), from + limit)
  const page: { record: Uint8Array, latest: number }[] = []
  for (let position = from; position < end; position++) {
    const record = reader.get(recordLists, subject, position)
    const found = record === undefined ? undefined : reader.get(records, record)
    if (record !== undefined && found !== undefined) page.push({ record, latest: found.latest })
  }
  return page
}
