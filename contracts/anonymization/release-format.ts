import { array, fixedBytes, oneOf, optional, struct, text, u32, u64, variant } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { memberId } from '../../primitives/ids.ts'
import { ROLES, TYPES } from './kernel/index.ts'

/** Bounds of what members exchange about a release; they hold the largest table that one process takes. */
export const DOCUMENT_LIMITS = { rowsMax: 10_000_000, valuesMax: 10_000_000, columnsMax: 1_000, cellCharsMax: 8_192, bytesMax: 512 * 1024 * 1024 } as const
const { rowsMax, valuesMax, columnsMax, cellCharsMax } = DOCUMENT_LIMITS

const cell = text({ max: cellCharsMax })
const name = text({ max: 256 })
const codes = array(u32, { max: rowsMax })
/** Whole numbers of any size as decimal text; exact fractions as `num/den`. */
const whole = text({ max: 512, pattern: /^-?\d+$/ })
const fraction = text({ max: 1_024, pattern: /^-?\d+\/\d+$/ })
/** A bound as people write it. */
const bound = text({ max: 64, pattern: /^-?\d+(?:\.\d+|\/\d+)?$/ })

const releasedValue = variant({ exact: cell, range: struct({ low: cell, high: cell }), set: array(cell, { max: valuesMax }), node: struct({ text: cell, level: u32 }), any: struct({}) })

/** A release but for its rows: dictionaries, claims, statistics. What stands beside a published table. */
const claims = {
  version: u32, algorithm: name, rowCount: u32, suppressedCount: u32, droppedCount: u32, levels: optional(array(u32, { max: columnsMax })),
  metrics: struct({ ncp: fraction, ncpByColumn: array(fraction, { max: columnsMax }), discernibility: whole, averageClassSize: fraction, classCount: u32, smallestClass: u32, largestClass: u32 }),
  risk: struct({ prosecutorMax: fraction, prosecutorAverage: fraction, marketer: fraction, journalistMax: optional(fraction) }),
  statistics: array(struct({ columns: array(name, { min: 1, max: 2 }), scales: array(u32, { max: 2 }), sum: array(whole, { max: rowsMax }), products: array(whole, { max: rowsMax }) }), { max: columnsMax * columnsMax }),
}
const quasiHead = { name, type: oneOf(...TYPES), scale: u32, range: u64, values: array(releasedValue, { max: valuesMax }) }
const payloadHead = { name, role: oneOf('sensitive', 'insensitive'), type: oneOf(...TYPES), values: array(cell, { max: valuesMax }), originalCounts: optional(array(u32, { max: valuesMax })) }

export const headSchema = struct({ ...claims, quasi: array(struct(quasiHead), { max: columnsMax }), payload: array(struct(payloadHead), { max: columnsMax }) })
export type ReleaseHead = Infer<typeof headSchema>

export const releaseSchema = struct({
  ...claims, classSizes: codes, populationSizes: optional(codes),
  quasi: array(struct({ ...quasiHead, codes }), { max: columnsMax }), payload: array(struct({ ...payloadHead, codes }), { max: columnsMax }),
})
export type ReleaseForm = Infer<typeof releaseSchema>

/** A definition with its hierarchies written out: one line per leaf, leaf first, root last. `coded`: level to which rows are generalised before they leave their institution; 0: not at all. */
export const definitionSchema = struct({
  attributes: array(struct({
    name, role: oneOf(...ROLES), type: oneOf(...TYPES), person: u32, coded: u32, order: optional(array(cell, { max: valuesMax })), hierarchy: optional(array(array(cell, { min: 2, max: 64 }), { max: valuesMax })),
  }), { max: columnsMax }),
  policy: struct({
    k: u32, suppressionLimit: optional(bound), prosecutor: optional(bound), marketer: optional(bound),
    diversity: array(struct({ attribute: name, kind: oneOf('distinct', 'entropy', 'recursive'), l: bound, c: optional(bound) }), { max: columnsMax }),
    closeness: array(struct({ attribute: name, distance: oneOf('equal', 'ordered', 'hierarchical'), t: bound }), { max: columnsMax }),
    likeness: array(struct({ attribute: name, kind: oneOf('basic', 'enhanced'), beta: bound }), { max: columnsMax }),
  }),
  algorithm: struct({ name: oneOf('mondrian', 'datafly', 'full-domain', 'joint'), siteFloor: optional(u32), mode: optional(oneOf('strict', 'relaxed', 'hierarchy')), rowOrder: optional(oneOf('canonical', 'given')), metric: optional(oneOf('loss', 'entropy', 'discernibility', 'average-class-size')) }),
  statistics: optional(struct({ columns: array(name, { max: columnsMax }), crossProducts: u32 })),
  missing: optional(struct({ markers: array(cell, { max: 64 }), treatment: oneOf('refuse', 'drop-row') })),
})
export type DefinitionForm = Infer<typeof definitionSchema>

/** A person of a selection, opened: what stands behind one leaf of the root on the ledger. */
const person = struct({ salt: fixedBytes(32), account: fixedBytes(32), consent: fixedBytes(32), consentVersion: u32 })

/**
 * Everything that a member checks of a release; its hash stands on the ledger. Persons ascend by leaf. `places`: only where the data set opens rows; per committed row (by
 * member, then leaf) its place in the release, counted from 1, or 0 when it was left out. Leaves are salted and not joined to persons, so the places name nobody.
 */
export const documentSchema = struct({
  request: fixedBytes(32), definition: definitionSchema, release: releaseSchema,
  selections: array(struct({ member: memberId, persons: array(person, { max: rowsMax }) }), { max: 64 }), places: optional(codes),
})
export type ReleaseDocument = Infer<typeof documentSchema>
