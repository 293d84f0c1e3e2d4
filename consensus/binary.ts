import { SteleError } from '../primitives/error.ts'

/** Appends fixed-width big-endian numbers and byte strings to one buffer of known size. Without a DataView, which would give each small message a buffer of its own. */
export class BinaryWriter {
  readonly bytes: Uint8Array
  #at = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
  }

  u8(value: number): this {
    const at = this.#end(1)
    this.bytes[at] = value
    return this
  }

  u32(value: number): this {
    const { bytes } = this
    const at = this.#end(4)
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
    return this
  }

  /** A safe integer in eight bytes. */
  u53(value: number): this {
    return this.u32(Math.floor(value / 2 ** 32)).u32(value >>> 0)
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#end(bytes.length))
    return this
  }

  /** Where the next `length` bytes go. A typed array would drop what does not fit without a word. */
  #end(length: number): number {
    const at = this.#at
    if (at + length > this.bytes.length) throw new RangeError('the buffer is too short')
    this.#at = at + length
    return at
  }
}

/** Reads the same, within bounds: whatever does not fit throws `MESSAGE_MALFORMED`, never reads on. */
export class BinaryReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!
  }

  u32(): number {
    const at = this.#take(4)
    const bytes = this.#bytes
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  }

  u53(): number {
    const high = this.u32()
    if (high >= 2 ** 21) throw malformed('a number exceeds 2^53')
    return high * 2 ** 32 + this.u32()
  }

  flag(): boolean {
    const value = this.u8()
    if (value > 1) throw malformed('a flag is 0 or 1')
    return value === 1
  }

  /** A view, not a copy. */
  raw(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed('bytes stand after the end')
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length) throw malformed('the message ends early')
    this.#at += length
    return at
  }
}

export function malformed(rule: string): SteleError {
  return new SteleError({ code: 'MESSAGE_MALFORMED', message: 'a consensus message cannot be read', details: { rule } })
}
