import { ACCESS_CODES } from '../contracts/access/codes.ts'
import { ANONYMIZATION_CODES } from '../contracts/anonymization/codes.ts'
import { ANONYMIZATION_ERRORS } from '../contracts/anonymization/errors.ts'
import { CONSENT_CODES } from '../contracts/consent/codes.ts'
import { IDENTITY_CODES } from '../contracts/identity/codes.ts'
import { MEMBERSHIP_CODES } from '../contracts/membership/codes.ts'
import { RECORDS_CODES } from '../contracts/records/codes.ts'
import { AUTHORISATION_CODES, RUNTIME_CODES } from '../contracts/runtime/codes.ts'
import { INTEROP_ERRORS } from '../interop/errors.ts'
import { STEWARD_ERRORS } from './anonymize/errors.ts'
import { ARCHIVE_ERRORS } from './archive-errors.ts'
import { COMMAND_ERRORS } from './command-errors.ts'
import { CUSTODIAN_ERRORS } from './custodian-errors.ts'
import { NODE_ERRORS } from './errors.ts'
import { HOLD_ERRORS } from './hold-errors.ts'
import { KEYSTORE_ERRORS } from './keystore-errors.ts'
import { REPAIR_ERRORS } from './repair-errors.ts'
import { VERIFY_ERRORS } from './verify-errors.ts'
import { PRIMITIVES_ERRORS } from '../primitives/errors.ts'
import { RPC_ERRORS } from '../rpc/errors.ts'
import { LEDGER_ERRORS } from '../state/errors.ts'
import { SNAPSHOT_ERRORS } from '../state/snapshot-errors.ts'
import { WORLD_ERRORS } from '../state/world-errors.ts'
import { VAULT_ERRORS } from '../vault/errors.ts'

type Table = Readonly<Record<string, string>>

const ERRORS: readonly Table[] = [
  COMMAND_ERRORS, STEWARD_ERRORS, INTEROP_ERRORS, ANONYMIZATION_ERRORS, VERIFY_ERRORS, NODE_ERRORS, HOLD_ERRORS, KEYSTORE_ERRORS, CUSTODIAN_ERRORS, ARCHIVE_ERRORS, SNAPSHOT_ERRORS, REPAIR_ERRORS,
  LEDGER_ERRORS, WORLD_ERRORS, VAULT_ERRORS, RPC_ERRORS, PRIMITIVES_ERRORS,
]
const RESULTS: readonly Table[] = [AUTHORISATION_CODES, RUNTIME_CODES, ACCESS_CODES, ANONYMIZATION_CODES, CONSENT_CODES, IDENTITY_CODES, MEMBERSHIP_CODES, RECORDS_CODES]

const textOf = (tables: readonly Table[], code: string): string | undefined => tables.find((table) => Object.hasOwn(table, code))?.[code]

/** What an error code means and what to do next, from the code tables; of a transaction that had no effect, what its result means. Undefined for a code that stands in none of them. */
export function nextStep(code: string, details: Readonly<Record<string, unknown>> = {}): string | undefined {
  const { result } = details
  return code === 'CLIENT_TX_FAILED' && typeof result === 'string' ? textOf(RESULTS, result) : textOf(ERRORS, code)
}
