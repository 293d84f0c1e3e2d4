const SLAB_BYTES = 8 * 1024
/** Larger strings get a buffer of their own: the rest of a slab would be lost too often. */
const SHARE_MAX = SLAB_BYTES / 4

/**
 * Hands out small byte strings as pieces of one buffer: a typed array of more than 64 bytes otherwise has an allocation of its own outside the JavaScript heap, which is made, watched and
 * freed one by one, and a shorter one has parts that a piece shares. A piece keeps its whole slab alive, so pieces of one slab should die at about the same time.
 */
export class Slab {
  #bytes = new Uint8Array(0)
  #at = 0

  /** The parts behind each other, as bytes of their own. */
  join(...parts: readonly Uint8Array[]): Uint8Array {
    let length = 0
    for (const part of parts) length += part.length
    const joined = this.take(length)
    let at = 0
    for (const part of parts) {
      joined.set(part, at)
      at += part.length
    }
    return joined
  }

  /** `length` bytes, all zero. */
  take(length: number): Uint8Array {
    if (length > SHARE_MAX) return new Uint8Array(length)
    if (this.#at + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(SLAB_BYTES)
      this.#at = 0
    }
    const piece = new Uint8Array(this.#bytes.buffer, this.#at, length)
    this.#at += length
    return piece
  }
}
