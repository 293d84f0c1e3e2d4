import type { Connection } from '@libp2p/interface'

/** Two connections that came up within this time were dialled at the same moment by both sides. */
const SAME_MOMENT_MS = 5_000

export interface TwoConnections {
  readonly self: number
  readonly node: number
  readonly before: Connection
  readonly after: Connection
  /** Time from `before` coming up to `after` coming up. */
  readonly gapMs: number
}

/**
 * Which of two connections to one node stays. Both sides must choose the same: when both dialled at once, the one that the lower id dialled
 * stays. Otherwise the newer stays: a node dials only while it has no connection, so the older one is dead at the other side.
 */
export function chooseConnection({ self, node, before, after, gapMs }: TwoConnections): Connection {
  if (before.status !== 'open') return after
  const wanted = self < node ? 'outbound' : 'inbound'
  if (gapMs < SAME_MOMENT_MS && before.direction === wanted && after.direction !== wanted) return before
  return after
}
