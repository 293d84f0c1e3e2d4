/** What every error of ours carries: a stable code to match on, and values beside the constant text. */
export interface SteleErrorInit {
  /** Stable, upper snake case, listed in the folder's `errors.ts` and in docs/errors.md. Never reused for another meaning. */
  readonly code: string
  /** Constant text: what went wrong and, where it helps, the next step. Values belong in `details`. */
  readonly message: string
  /** Values that explain the case. Never secrets, never record contents, never unbounded. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
  /** True when the same request may succeed later without being changed. */
  readonly retryable?: boolean
}

/** The base error. Match on `code`, not on `instanceof` or text (STYLE §5). */
export class SteleError extends Error {
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>
  readonly retryable: boolean

  constructor(init: SteleErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause })
    this.name = 'SteleError'
    this.code = init.code
    this.details = init.details ?? {}
    this.retryable = init.retryable ?? false
  }
}

/** The code of anything thrown: ours, Node's (`ENOSPC`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
