import { maybeFromHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'
import { readInput } from './input-file.ts'

const FILE_BYTES_MAX = 4 * 1024

/** What a person brings to the institution that enrols it: public keys, and the key of the tags that only the two share. */
export interface Card {
  readonly signKey: Uint8Array
  readonly sealKey: Uint8Array
  readonly tagKey: Uint8Array
}

/** Reads a card that `stele wallet new` wrote. `CARD_INVALID` names file and rule, and no value: a card holds a tag key. */
export async function readCard(path: string): Promise<Card> {
  const refuse = (rule: string): SteleError => new SteleError({ code: 'CARD_INVALID', message: 'this is no card', details: { path, rule } })
  const input = await readInput(path, FILE_BYTES_MAX)
  if ('rule' in input) throw refuse(input.rule)
  const card = parse(new TextDecoder().decode(input.bytes))
  if (card === undefined) throw refuse('must be a JSON object')
  const part = (name: keyof Card, length: number): Uint8Array => {
    const value = card[name]
    const bytes = typeof value === 'string' ? maybeFromHex(value) : undefined
    if (bytes?.length !== length) throw refuse(`\`${name}\` must be ${length} bytes in lower-case hex`)
    return bytes
  }
  return { signKey: part('signKey', 33), sealKey: part('sealKey', 32), tagKey: part('tagKey', 32) }
}

/** The text of a parser's error quotes what it read, so it goes nowhere. */
function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
