import { SteleError } from '../primitives/error.ts'

/** Appends fixed-width big-endian numbers and byte strings to one buffer of known size. */
export class BinaryWriter {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.#view = new DataView(this.bytes.buffer)
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at, value)
    this.#at += 1
    return this
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value)
    this.#at += 4
    return this
  }

  /** A safe integer in eight bytes. */
  u53(value: number): this {
    return this.u32(Math.floor(value / 2 ** 32)).u32(value >>> 0)
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }
}

/** Reads the same, within bounds: whatever does not fit throws `MESSAGE_MALFORMED`, never reads on. */
export class BinaryReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
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
