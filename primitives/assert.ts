import { SteleError } from './error.ts'

/** Throws `INVARIANT_BROKEN` when `condition` is false. A broken invariant is a bug: whoever catches it at the top ends the process with its state untouched. */
export function invariant(condition: boolean, message: string, details: Readonly<Record<string, unknown>> = {}): asserts condition {
  if (!condition) throw new SteleError({ code: 'INVARIANT_BROKEN', message, details })
}

/** Marks a branch that the types rule out, so that a new union member fails to compile here. */
export function unreachable(value: never): never {
  throw new SteleError({ code: 'INVARIANT_BROKEN', message: 'a case that cannot happen happened', details: { value: String(value) } })
}
