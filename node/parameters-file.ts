import { fromJson } from '../primitives/codec.ts'
import type { Infer } from '../primitives/codec.ts'
import { SteleError } from '../primitives/error.ts'
import { chainParameters } from '../primitives/genesis.ts'
import { readInput } from './input-file.ts'

const FILE_BYTES_MAX = 64 * 1024

/** Chain parameters from JSON as in a genesis file and as `stele member parameters` prints it, all of them. `PARAMETERS_FILE_INVALID` names file, path and rule. */
export async function readParameters(path: string): Promise<Infer<typeof chainParameters>> {
  const refuse = (rule: string, cause?: unknown, at?: unknown): SteleError => new SteleError({ code: 'PARAMETERS_FILE_INVALID', message: 'these are no chain parameters', details: { file: path, ...(at === undefined ? {} : { path: at }), rule }, cause })
  const input = await readInput(path, FILE_BYTES_MAX)
  if ('rule' in input) throw refuse(input.rule, input.cause)
  try {
    return fromJson(chainParameters, JSON.parse(new TextDecoder().decode(input.bytes)) as never)
  } catch (cause) {
    if (cause instanceof SyntaxError) throw refuse('must be JSON', cause)
    if (cause instanceof SteleError) throw refuse(String(cause.details['rule']), cause, cause.details['path'])
    throw cause
  }
}
