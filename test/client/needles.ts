import { asObject } from '../../interop/fhir/json.ts'

/** Shortest text that is looked for: shorter ones occur by chance in any large file. */
export const NEEDLE_LENGTH_MIN = 6

/**
 * Words of FHIR's own vocabulary that any program may print for reasons of its own ("active" in a log says nothing about a patient). Everything else a
 * record holds is looked for, codes, dates and system URIs included.
 */
const VOCABULARY: ReadonlySet<string> = new Set([
  'active', 'inactive', 'finished', 'completed', 'resolved', 'official', 'unknown', 'confirmed', 'ambulatory', 'transaction', 'mobile', 'female', 'stopped', 'outpatient', 'inpatient',
  'normal', 'generated', 'complete', 'primary', 'claim', 'institutional', 'provider', 'private', 'entered', 'proposed', 'in-progress', 'not-done', 'Patient', 'planned', 'document',
])

/** Every string, and every number, of at least six characters in a record, numbers as they are written in the source; but not the `excluded` ones. */
export function needlesOf(record: Uint8Array, excluded: ReadonlySet<string> = VOCABULARY): Set<string> {
  const text = new TextDecoder().decode(record)
  const found = new Set<string>()
  const add = (value: string): void => {
    if (value.length >= NEEDLE_LENGTH_MIN && !excluded.has(value)) found.add(value)
  }
  const walk = (value: unknown): void => {
    if (typeof value === 'string') return add(value)
    if (Array.isArray(value)) return value.forEach(walk)
    const object = asObject(value)
    if (object !== undefined) Object.values(object).forEach(walk)
  }
  walk(JSON.parse(text))
  // Numbers outside strings: strings are blanked first, so that digits inside them do not count twice.
  for (const [number] of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/-?\d[\d.eE+-]*/g)) add(number)
  return found
}

/** The bytes a needle may take: UTF-8, hex in both cases, and base64 (both alphabets) at each of three alignments, without the characters its neighbours share. */
export function formsOf(needle: string): Buffer[] {
  const bytes = Buffer.from(needle, 'utf8')
  const hex = bytes.toString('hex')
  const base64 = [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '')
    const start = Math.ceil((shift * 8) / 6)
    const end = Math.floor(((shift + bytes.length) * 8) / 6)
    const inner = encoded.slice(start, end)
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
  })
  const forms = new Set([hex, hex.toUpperCase(), ...base64].filter((form) => form.length >= NEEDLE_LENGTH_MIN))
  return [bytes, ...[...forms].map((form) => Buffer.from(form, 'latin1'))]
}

/** Looks for many needles at once: one pass over the haystack, whatever their number; 100 MB took two seconds on a busy machine. */
export class NeedleSearch {
  readonly #byPrefix = new Map<number, { readonly needle: string; readonly form: Buffer }[]>()
  /** First two bytes that any form starts with: rules out nearly every position cheaply. */
  readonly #starts = new Uint8Array(65_536)

  constructor(needles: Iterable<string>) {
    for (const needle of needles) {
      for (const form of formsOf(needle)) {
        const key = form.readUIntBE(0, 6)
        this.#byPrefix.set(key, [...(this.#byPrefix.get(key) ?? []), { needle, form }])
        this.#starts[form.readUInt16BE(0)] = 1
      }
    }
  }

  /** The needles found in `haystack`, each once, with the position of its first form found. */
  find(haystack: Buffer): Map<string, number> {
    const found = new Map<string, number>()
    for (let at = 0; at + NEEDLE_LENGTH_MIN <= haystack.length; at++) {
      if (this.#starts[(haystack[at]! << 8) | haystack[at + 1]!] === 0) continue
      for (const { needle, form } of this.#byPrefix.get(haystack.readUIntBE(at, 6)) ?? []) {
        if (!found.has(needle) && haystack.compare(form, 0, form.length, at, Math.min(haystack.length, at + form.length)) === 0) found.set(needle, at)
      }
    }
    return found
  }
}
