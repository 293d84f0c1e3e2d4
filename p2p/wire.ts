import { PeerFault } from './errors.ts'

/** Bytes before each payload: u32 big-endian payload length ‖ u8 version. */
export const FRAME_HEADER_BYTES = 5
export const WIRE_VERSION = 1
/** Payloads up to this size are copied out of the network's buffer: a small message must not keep a 64 KiB decrypted packet alive. */
const COPY_BYTES_MAX = 4 * 1024

/** The header of a frame with a payload of `length` bytes. */
export function frameHeader(length: number): Uint8Array {
  return Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length, WIRE_VERSION)
}

/** Header and payload in one piece; copies the payload. For small payloads, where one write is cheaper than two. */
export function frameOf(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
  frame.set(frameHeader(payload.length))
  frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}

/**
 * Cuts a byte stream into payloads, in order. Memory: at most one payload of `bytesMax`. A payload that lies whole in one chunk is a view
 * of it, so chunks must not be reused by the caller. Throws `P2P_FRAME_TOO_LARGE` or `P2P_FRAME_VERSION`; then the stream is lost.
 */
export class FrameDecoder {
  readonly #bytesMax: number
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES)
  #headerFilled = 0
  #payload: Uint8Array | undefined
  #payloadFilled = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** True between two frames: an end of the stream here loses nothing. */
  get atBoundary(): boolean { return this.#headerFilled === 0 && this.#payload === undefined }

  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let at = 0
    while (at < chunk.length) {
      if (this.#payload === undefined) {
        at += this.#fillHeader(chunk.subarray(at))
        if (this.#headerFilled < FRAME_HEADER_BYTES) return
        const length = this.#lengthInHeader()
        this.#headerFilled = 0
        if (chunk.length - at >= length) {
          yield length <= COPY_BYTES_MAX ? chunk.slice(at, at + length) : chunk.subarray(at, at + length)
          at += length
        } else {
          this.#payload = new Uint8Array(length)
          this.#payloadFilled = 0
        }
      } else {
        const part = chunk.subarray(at, at + this.#payload.length - this.#payloadFilled)
        this.#payload.set(part, this.#payloadFilled)
        this.#payloadFilled += part.length
        at += part.length
        if (this.#payloadFilled < this.#payload.length) return
        const payload = this.#payload
        this.#payload = undefined
        yield payload
      }
    }
  }

  #fillHeader(rest: Uint8Array): number {
    const part = rest.subarray(0, FRAME_HEADER_BYTES - this.#headerFilled)
    this.#header.set(part, this.#headerFilled)
    this.#headerFilled += part.length
    return part.length
  }

  #lengthInHeader(): number {
    const [a, b, c, d, version] = this.#header
    const length = ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0
    if (version !== WIRE_VERSION) throw new PeerFault('P2P_FRAME_VERSION', 'disconnect', 'a frame has an unknown version', { version })
    if (length > this.#bytesMax) throw new PeerFault('P2P_FRAME_TOO_LARGE', 'disconnect', 'a frame is larger than its channel allows', { length, bytesMax: this.#bytesMax })
    return length
  }
}
