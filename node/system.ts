import { randomBytes, randomInt } from 'node:crypto'
import type { Clock, Random } from '../primitives/ports.ts'

/** The machine's own clocks. */
export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
/** The machine's own randomness. */
export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)), jitter: (below) => (below <= 1 ? 0 : randomInt(below)) }
