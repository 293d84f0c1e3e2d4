import { SteleError } from '../../primitives/error.ts'
import { asList, asObject, valuesAt } from '../fhir/json.ts'

/** One step of a path: a member's name, and what an item must hold to be followed. */
export interface PathStep { readonly name: string; readonly where?: { readonly path: string; readonly value: string } }

const STEP = /^([A-Za-z_][\w -]{0,127})(?:\[([A-Za-z_][\w.-]{0,127})=([^\]]{1,256})\])?(?:\.|$)/

/**
 * Reads a path such as `address.postalCode` or `extension[url=http://…/us-core-race].extension[url=ombCategory].valueCoding.code`. Steps follow every
 * item of a list; `[member=value]` keeps items whose member has that text. Throws `DEIDENTIFY_MAPPING` naming the column.
 */
export function parsePath(text: string, column: string): PathStep[] {
  const steps: PathStep[] = []
  let rest = text
  while (rest !== '') {
    const match = STEP.exec(rest)
    if (match === null || (match[0].endsWith('.') && match[0].length === rest.length) || steps.length === 16) {
      throw new SteleError({ code: 'DEIDENTIFY_MAPPING', message: 'a path of the mapping cannot be read', details: { column, path: text, rule: 'names joined by dots, each with at most one [member=value]; at most 16 steps' } })
    }
    steps.push({ name: match[1]!, ...(match[2] !== undefined && { where: { path: match[2], value: match[3]! } }) })
    rest = rest.slice(match[0].length)
  }
  return steps
}

/** Everything at the path, in document order. */
export function valuesAlong(root: unknown, steps: readonly PathStep[]): unknown[] {
  let values: unknown[] = [root]
  for (const { name, where } of steps) {
    values = values.flatMap((value) => {
      const object = asObject(value)
      return object === undefined || !Object.hasOwn(object, name) ? [] : asList(object[name])
    })
    if (where !== undefined) values = values.filter((value) => valuesAt(value, where.path).some((found) => String(found) === where.value))
  }
  return values
}
