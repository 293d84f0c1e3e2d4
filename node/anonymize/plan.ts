import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { MISSING_DEFAULT, dateHierarchy, distinctValues, flatHierarchy, intervalHierarchy, parseHierarchy, zipHierarchy } from '../../contracts/anonymization/kernel/index.ts'
import type { AttributeDefinition, DatasetDefinition, Table } from '../../contracts/anonymization/kernel/index.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { automaticHierarchy, typeOfValues } from './columns.ts'
import type { NamedHierarchy } from './columns.ts'
import type { AttributeSpec, ReleaseSpec } from './spec.ts'

/** A hierarchy file lists every value of its column; larger ones are no hierarchies. */
const HIERARCHY_BYTES_MAX = 64 * 1024 * 1024

/** Hierarchy files by the column they are for. */
export type HierarchyFiles = ReadonlyMap<string, string>

/**
 * Finds the hierarchies of a folder: ARX's `…_hierarchy_<column>.csv`, or `<column>.csv`. Of two files for one column the ARX name counts.
 * Throws `TABLE_UNREADABLE`.
 */
export async function findHierarchies(directory: string | undefined): Promise<HierarchyFiles> {
  const found = new Map<string, string>()
  if (directory === undefined) return found
  const names = await readdir(directory).catch((cause: unknown) => { throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'the folder of hierarchies cannot be read', details: { file: directory, reason: errorCode(cause) }, cause }) })
  for (const name of names.sort()) {
    const match = /^(?:.*?_?hierarchy_)?(.+)\.csv$/i.exec(name)
    if (match === null) continue
    const isArx = /hierarchy_/i.test(name)
    if (isArx || !found.has(match[1]!)) found.set(match[1]!, join(directory, name))
  }
  return found
}

/** A definition that the kernel takes, and for reports where each column's hierarchy came from. */
export interface Plan { readonly definition: DatasetDefinition; readonly origins: ReadonlyMap<string, string> }

/**
 * Completes a specification from the table: types from the values, hierarchies from files, the definition, or the values themselves. Relative paths of
 * hierarchies are looked up beside `base`. Every quasi-identifier gets a hierarchy, so that every algorithm can run.
 */
export async function planRelease(spec: ReleaseSpec, table: Table, files: HierarchyFiles, base: string): Promise<Plan> {
  const origins = new Map<string, string>()
  const attributes: AttributeDefinition[] = []
  const markers = new Set((spec.missing ?? MISSING_DEFAULT).markers)
  const ground = new Set((spec.policy.closeness ?? []).filter(({ distance }) => distance === 'hierarchical').map(({ attribute }) => attribute))
  for (const attribute of spec.attributes) {
    const { name, role, order, person } = attribute
    if (role === 'identifier' && person !== true) continue
    const values = distinctValues(table, name).filter((value) => !markers.has(value))
    const type = attribute.type ?? typeOfValues(name, values)
    const named = role === 'quasi-identifier' || ground.has(name) ? await hierarchyOf(attribute, type, values, files.get(name), base) : undefined
    if (named !== undefined) origins.set(name, named.origin)
    attributes.push({ name, role, type, ...(order !== undefined && { order }), ...(person !== undefined && { person }), ...(named !== undefined && { hierarchy: named.hierarchy }) })
  }
  const { policy, algorithm, missing, statistics } = spec
  return { definition: { attributes, policy, algorithm, ...(missing && { missing }), ...(statistics && { statistics }) }, origins }
}

async function hierarchyOf({ name, hierarchy: spec }: AttributeSpec, type: AttributeDefinition['type'], values: readonly string[], found: string | undefined, base: string): Promise<NamedHierarchy> {
  if (spec.kind === 'file') return fromFile(name, resolve(base === '-' ? '.' : dirname(base), spec.path))
  if (spec.kind === 'auto' && found !== undefined) return fromFile(name, found)
  switch (spec.kind) {
    case 'intervals': return { hierarchy: intervalHierarchy(name, values, spec.widths, spec.origin), origin: `ranges of ${spec.widths.join(', ')}` }
    case 'dates': return { hierarchy: dateHierarchy(name, values), origin: 'day, month, year, decade' }
    case 'zip': return { hierarchy: zipHierarchy(name, values, spec.kept), origin: 'shrinking prefixes' }
    case 'flat': return { hierarchy: flatHierarchy(name, values), origin: 'values under *' }
    default: return automaticHierarchy(name, type, values)
  }
}

async function fromFile(name: string, path: string): Promise<NamedHierarchy> {
  try {
    if ((await stat(path)).size > HIERARCHY_BYTES_MAX) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'a hierarchy file is larger than one can be', details: { file: path, bytesMax: HIERARCHY_BYTES_MAX } })
    return { hierarchy: parseHierarchy(name, await readFile(path, 'utf8')), origin: 'file' }
  } catch (error) {
    if (error instanceof SteleError) throw new SteleError({ code: error.code, message: error.message, details: { file: path, ...error.details }, cause: error })
    throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'a hierarchy cannot be read', details: { file: path, column: name, reason: errorCode(error) }, cause: error })
  }
}
