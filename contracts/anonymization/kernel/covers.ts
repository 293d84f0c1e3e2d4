import type { AttributeDefinition, DatasetDefinition } from './definition.ts'
import type { ReleasedQuasi, ReleasedValue } from './release.ts'
import { yardstick } from './yardstick.ts'

/** Whether a generalised value holds what an original cell says: the cell's number lies in the range, its leaf below the node, its text in the set. */
export function coversCell(attribute: AttributeDefinition, definition: DatasetDefinition, column: ReleasedQuasi, value: ReleasedValue, cell: string): boolean {
  if (value.kind === 'any') return attribute.hierarchy === undefined || attribute.hierarchy.leafOf.has(cell)
  const measure = yardstick(attribute, definition, column)
  const [outer, inner] = [measure(value), measure({ kind: 'exact', text: cell })]
  return outer !== undefined && inner !== undefined && outer.low <= inner.low && inner.high <= outer.high
}
