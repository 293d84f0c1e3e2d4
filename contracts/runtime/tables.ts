import { fixedBytes } from '../../primitives/codec.ts'
import { defineTable, u64Part } from './table.ts'

/** Minute of validUntil → running hash of the transaction ids that expire in it, in chain order (DESIGN §5.5). */
export const replayMinutes = defineTable({ contract: 'runtime', name: 'replayMinutes', number: 1, key: [u64Part], value: fixedBytes(32) })
