import { unreachable } from '../../primitives/assert.ts'
import type { Operation, Value } from './operation.ts'

/** A sequential specification of one key. */
export interface Model {
  readonly name: string
  readonly initial: Value
  /** State after the operation; undefined when it could not have had its outcome in `state`. */
  step(state: Value, operation: Pick<Operation, 'request' | 'outcome'>): Value | undefined
}

/**
 * One value that is read, written, compared and set, or deleted. A `cas` and a `delete` whose outcome is `fail` say that the condition did
 * not hold. The first three are the operations of porcupine's etcd model; an unknown `cas` sets the value only where it matches.
 */
export const register: Model = {
  name: 'register', initial: null,
  step(state, { request, outcome }) {
    const known = outcome.type !== 'unknown'
    switch (request.f) {
      case 'read': return outcome.type === 'ok' && outcome.value !== state ? undefined : state
      case 'write': return request.value
      case 'cas': {
        const matches = request.from === state
        return known && matches !== (outcome.type === 'ok') ? undefined : matches ? request.to : state
      }
      case 'delete': {
        const present = state !== null
        return known && present !== (outcome.type === 'ok') ? undefined : null
      }
      case 'append': return undefined
      default: return unreachable(request)
    }
  },
}

/** A text per key that is read, replaced or extended; empty at first. */
export const keyValue: Model = {
  name: 'key-value', initial: '',
  step(state, { request, outcome }) {
    switch (request.f) {
      case 'read': return outcome.type === 'ok' && outcome.value !== state ? undefined : state
      case 'write': return request.value
      case 'append': return `${state ?? ''}${request.value}`
      case 'cas':
      case 'delete': return undefined
      default: return unreachable(request)
    }
  },
}
