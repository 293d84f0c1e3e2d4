import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Verdict } from './search.ts'

const LIST = 'expected.json'

/**
 * The verdict that is known of a corpus file: `-ok` or `-bad` at the end of its name, or its entry (true = linearizable) in the nearest `expected.json` in its folder or
 * the two above. Undefined when nobody says. Throws `SyntaxError` for a list that is no JSON.
 */
export function expectedVerdict(path: string): Verdict | undefined {
  const name = basename(path).replace(/\.[^.]*$/, '')
  const said = /-(ok|bad)$/.exec(name)?.[1]
  if (said !== undefined) return said === 'ok' ? 'linearizable' : 'not-linearizable'
  const folder = dirname(path)
  const list = [folder, dirname(folder), dirname(dirname(folder))].map((each) => join(each, LIST)).find(existsSync)
  const entry = list === undefined ? undefined : (JSON.parse(readFileSync(list, 'utf8')) as Record<string, unknown>)[name]
  return typeof entry !== 'boolean' ? undefined : entry ? 'linearizable' : 'not-linearizable'
}
