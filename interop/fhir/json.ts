/** Careful reading of parsed JSON: every helper answers undefined or an empty list when the shape is another. */
export type JsonObject = Readonly<Record<string, unknown>>

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A list as it is; a single value as a list of one, because FHIR changed several cardinalities between releases. */
export function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

/** Follows `a.b.c` through objects, taking every item of each list on the way; depth first, in document order. */
export function valuesAt(root: unknown, path: string): unknown[] {
  let values: unknown[] = [root]
  for (const name of path.split('.')) {
    values = values.flatMap((value) => asList(asObject(value)?.[name]))
  }
  return values
}
