import { Type } from 'typebox'
import type { RpcPorts } from './ports.ts'
import { oneOf } from './schema.ts'

/** How fresh a read must be. */
export const consistency = Type.Optional(oneOf(['local', 'linearizable'], 'local (unless told): what this node has now, `asOf` says which block. linearizable: at least everything committed before the call; needs a quorum'))
export type Consistency = 'local' | 'linearizable' | undefined

/** Waits until a read of this node's state is as fresh as was asked for. Codes to expect: `FRESHNESS_ERRORS`. */
export function fresh(ports: RpcPorts, wanted: Consistency, context: { readonly signal: AbortSignal }): Promise<void> {
  return wanted === 'linearizable' ? ports.reads.linearizable(context.signal) : Promise.resolve()
}

export const FRESHNESS_ERRORS = ['NO_LEADER'] as const
