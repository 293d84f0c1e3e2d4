import { readFile } from 'node:fs/promises'
import { fromJson, toJson } from '../../primitives/codec.ts'
import type { Schema } from '../../primitives/codec.ts'
import { errorCode, SteleError } from '../../primitives/error.ts'
import { openNewFile } from '../anonymize/new-file.ts'

/** A JSON file of that form. Throws `DEFINITION_INVALID` naming path and rule, `TABLE_UNREADABLE`. */
export async function readForm<T>(path: string, schema: Schema<T>, what: string): Promise<T> {
  try {
    return fromJson(schema, JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    if (cause instanceof SteleError || cause instanceof SyntaxError) throw new SteleError({ code: 'DEFINITION_INVALID', message: 'the file is not what was asked for', details: { file: path, what, ...(cause instanceof SteleError ? cause.details : { rule: 'JSON' }) }, cause })
    throw new SteleError({ code: 'TABLE_UNREADABLE', message: 'the file cannot be read', details: { file: path, reason: errorCode(cause) }, cause })
  }
}

export async function writeForm<T>(path: string, schema: Schema<T>, value: T): Promise<void> {
  await writeBytes(path, `${JSON.stringify(toJson(schema, value))}\n`)
}

/** Writes a whole new file that only its owner reads. Throws `OUTPUT_EXISTS`, `TABLE_UNREADABLE`. */
export async function writeBytes(path: string, content: string | Uint8Array): Promise<void> {
  const file = await openNewFile(path)
  try {
    await file.write(content)
    await file.finish()
  } finally {
    await file.discard()
  }
}
