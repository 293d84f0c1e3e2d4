import { SteleError } from '../primitives/error.ts'
import type { RpcErrorCode } from './errors.ts'
import type { ErrorDetail } from './error-map.ts'

/** An error of this folder; `issues` become `error.data.details` as they are. */
export function rpcError(code: RpcErrorCode, message: string, extra: { readonly details?: Readonly<Record<string, unknown>>; readonly issues?: readonly ErrorDetail[]; readonly cause?: unknown } = {}): SteleError {
  const { details = {}, issues, cause } = extra
  return new SteleError({ code, message, details: issues === undefined ? details : { ...details, issues }, ...(cause === undefined ? {} : { cause }) })
}
