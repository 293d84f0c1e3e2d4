import { SteleError } from '../../../primitives/error.ts'
import { ANONYMIZATION_ERRORS } from '../errors.ts'
import type { AnonymizationErrorCode } from '../errors.ts'

/** Throws a typed refusal. `details` name row (1-based), column and rule; never what a cell holds. */
export function refuse(code: AnonymizationErrorCode, details: Readonly<Record<string, string | number>>): never {
  throw new SteleError({ code, message: ANONYMIZATION_ERRORS[code], details })
}
