import { ANONYMIZATION_ERRORS } from '../contracts/anonymization/errors.ts'
import { INTEROP_ERRORS } from '../interop/errors.ts'
import { STEWARD_ERRORS } from './anonymize/errors.ts'
import { COMMAND_ERRORS } from './command-errors.ts'
import { NODE_ERRORS } from './errors.ts'
import { KEYSTORE_ERRORS } from './keystore-errors.ts'
import { VERIFY_ERRORS } from './verify-errors.ts'
import { PRIMITIVES_ERRORS } from '../primitives/errors.ts'
import { LEDGER_ERRORS } from '../state/errors.ts'
import { VAULT_ERRORS } from '../vault/errors.ts'

/** What an error code means and what to do next, from the code tables; undefined for a code that stands in none of them. */
export function nextStep(code: string): string | undefined {
  const tables: readonly Readonly<Record<string, string>>[] = [COMMAND_ERRORS, STEWARD_ERRORS, INTEROP_ERRORS, ANONYMIZATION_ERRORS, VERIFY_ERRORS, NODE_ERRORS, KEYSTORE_ERRORS, LEDGER_ERRORS, VAULT_ERRORS, PRIMITIVES_ERRORS]
  return tables.find((table) => Object.hasOwn(table, code))?.[code]
}
