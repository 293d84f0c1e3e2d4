import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8Bytes } from '../../primitives/bytes.ts'
import { dateOfDayNumber, dayNumber } from './safe-harbor.ts'
import type { Day } from './safe-harbor.ts'

/** Days that a person's dates move at most, either way. */
export const SHIFT_DAYS_MAX = 365

/**
 * How far all dates of one person move in one project, in days, never 0: HMAC-SHA256(project key, person) modulo 730. One key and one person always
 * give one shift, so intervals within a person stay exact and order between persons is lost. Whoever holds the key can undo it; without it the shift
 * of another project tells nothing.
 */
export function shiftDays(projectKey: Uint8Array, person: string): number {
  const digest = hmac(sha256, projectKey, utf8Bytes(`stele/date-shift/v1\0${person}`))
  // 48 bits over 730 values: the bias is below 2^-38.
  let value = 0
  for (const byte of digest.subarray(0, 6)) value = value * 256 + byte
  const step = (value % (2 * SHIFT_DAYS_MAX)) - SHIFT_DAYS_MAX
  return step >= 0 ? step + 1 : step
}

/** The day, moved. */
export function shiftDate(day: Day, days: number): string {
  return dateOfDayNumber(dayNumber(day) + days)
}
