import { readFileSync } from 'node:fs'
import { SteleError } from '../primitives/error.ts'
import type { AuditDetails } from '../privacy/audit-details.ts'

/** Who asks, on which device and why, from a JSON file: a command line could be read by everybody on the machine. `USAGE_DETAILS`. */
export function readDetails(path: string): AuditDetails {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new SteleError({ code: 'USAGE_DETAILS', message: 'the details file cannot be read as JSON', details: { path }, cause })
  }
  const { who, device = '', reason = '' } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>
  if (typeof who !== 'string' || who === '' || typeof device !== 'string' || typeof reason !== 'string') {
    throw new SteleError({ code: 'USAGE_DETAILS', message: 'the details file holds {"who": …, "device": …, "reason": …}', details: { path } })
  }
  return { who, device, reason }
}
