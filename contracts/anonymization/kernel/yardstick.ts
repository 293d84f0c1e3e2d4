import type { AttributeDefinition, DatasetDefinition } from './definition.ts'
import { byCodeUnits } from './hierarchy-builders.ts'
import type { Hierarchy } from './hierarchy.ts'
import { maybePlaces, maybeUnits } from './numbers.ts'
import type { ReleasedQuasi, ReleasedValue } from './release.ts'

/** Where a released value lies in its column, from the definition alone: ends to order values by, its width in whole units, and for numbers the least and greatest value it may stand for. */
export interface Measured { readonly low: number; readonly high: number; readonly level: number; readonly width: number }

/** Values of a column as a checker without the data measures them; undefined for a value that the column cannot have. */
export function yardstick(attribute: AttributeDefinition, { algorithm }: DatasetDefinition, column: ReleasedQuasi): (value: ReleasedValue) => Measured | undefined {
  if (algorithm.name !== 'mondrian' || (algorithm.mode === 'hierarchy' && attribute.type === 'categorical')) return treeYardstick(attribute.hierarchy)
  return attribute.type === 'categorical' ? orderYardstick(attribute, column) : numberYardstick(attribute, column)
}

function treeYardstick(hierarchy: Hierarchy | undefined): (value: ReleasedValue) => Measured | undefined {
  if (hierarchy === undefined) return () => undefined
  const root = hierarchy.levels.length - 1
  const places = hierarchy.levels.map(({ labels }) => new Map(labels.map((label, node) => [label, node])))
  return (value) => {
    if (value.kind === 'range' || value.kind === 'set') return undefined
    const level = value.kind === 'any' ? root : value.kind === 'exact' ? 0 : value.level
    const isPlain = value.kind === 'any' || value.kind === 'exact' || (Number.isSafeInteger(level) && level > 0 && level < root)
    const node = value.kind === 'any' ? 0 : isPlain ? places[level]?.get(value.text) : undefined
    if (node === undefined) return undefined
    const [low, high] = [hierarchy.levels[level]!.low[node]!, hierarchy.levels[level]!.high[node]!]
    return { low, high, level, width: low === high ? 0 : high - low + 1 }
  }
}

function numberYardstick({ type }: AttributeDefinition, { scale }: ReleasedQuasi): (value: ReleasedValue) => Measured | undefined {
  const units = (text: string): number | undefined => {
    const places = maybePlaces(type, text)
    return places === undefined || places > scale ? undefined : maybeUnits(type, text, scale)
  }
  return (value) => {
    if (value.kind !== 'exact' && value.kind !== 'range') return undefined
    const [low, high] = value.kind === 'exact' ? [units(value.text), units(value.text)] : [units(value.low), units(value.high)]
    if (low === undefined || high === undefined || low > high || (value.kind === 'range' && low === high)) return undefined
    return { low, high, level: 0, width: high - low }
  }
}

function orderYardstick({ order, hierarchy }: AttributeDefinition, column: ReleasedQuasi): (value: ReleasedValue) => Measured | undefined {
  const mentioned = new Set(column.values.flatMap((value) => (value.kind === 'exact' ? [value.text] : value.kind === 'set' ? value.values : [])))
  const known = order ?? hierarchy?.leaves
  const place = new Map((known ?? [...mentioned].sort(byCodeUnits)).map((text, i) => [text, i]))
  return (value) => {
    if (value.kind === 'any') return { low: -1, high: -1, level: 0, width: column.range }
    const texts = value.kind === 'exact' ? [value.text] : value.kind === 'set' ? value.values : []
    const places = texts.map((text) => place.get(text))
    if (places.length === 0 || places.includes(undefined) || places.some((at, i) => i > 0 && at! <= places[i - 1]!) || (value.kind === 'set' && texts.length < 2)) return undefined
    return { low: places[0]!, high: places.at(-1)!, level: 0, width: texts.length - 1 }
  }
}
