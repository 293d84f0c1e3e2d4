import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A file itself, or the files right in a folder and below it whose names pass; by path. Throws `TypeError` when there is no such place. */
export function filesBelow(place: string, isWanted: (name: string) => boolean): readonly string[] {
  const stats = statSync(place, { throwIfNoEntry: false })
  if (stats === undefined) throw new TypeError(`${place} does not exist`)
  if (stats.isFile()) return [place]
  return readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && isWanted(entry.name)).map((entry) => join(entry.parentPath, entry.name)).sort()
}
