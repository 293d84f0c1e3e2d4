import { stat, readFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import { errorCode, SteleError } from '../../primitives/error.ts'

/** Larger than any mapping or definition, hierarchies stand in files of their own. */
const DEFINITION_BYTES_MAX = 4 * 1024 * 1024

/** What a YAML or JSON file holds, without judging it. Repeated members, aliases and tags are refused. Throws `DEFINITION_INVALID`, `TABLE_UNREADABLE`. */
export async function readYamlFile(path: string): Promise<unknown> {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > DEFINITION_BYTES_MAX) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'the file is larger than a definition may be', details: { file: path, bytes: size, bytesMax: DEFINITION_BYTES_MAX } })
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof SteleError) throw cause
    throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'the file cannot be read', details: { file: path, reason: errorCode(cause) }, cause })
  }
  const document = parseDocument(text, { uniqueKeys: true, schema: 'core' })
  const [error] = document.errors
  if (error !== undefined) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'the file is no well-formed YAML or JSON', details: { file: path, line: error.linePos?.[0].line, rule: error.code } })
  try {
    return document.toJS({ maxAliasCount: 0 }) as unknown
  } catch (cause) {
    throw new SteleError({ code: 'DEFINITION_INVALID', message: 'the file uses aliases', details: { file: path, rule: 'write repeated parts out' }, cause })
  }
}
