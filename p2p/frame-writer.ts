import type { Stream } from '@libp2p/interface'
import { closeReason } from './errors.ts'
import { FRAME_HEADER_BYTES, frameHeader, frameOf } from './wire.ts'

/** Larger payloads go out uncopied, in pieces of this size, so that frames of other streams slip in between. */
const PIECE_BYTES = 128 * 1024
const COPY_BYTES_MAX = 16 * 1024

export interface WriterBounds {
  readonly messagesMax: number
  readonly bytesMax: number
  /** When full: make room by dropping the oldest frames not yet begun, or refuse the new one. */
  readonly whenFull: 'drop-oldest' | 'refuse'
}

/**
 * A bounded queue of frames in front of a stream. `send` never waits; frames leave in the order they came. Payloads are kept by reference until
 * they have left, so the caller must not change them; the same bytes may go to many peers.
 */
export class FrameWriter {
  readonly #bounds: WriterBounds
  readonly #onDropped: (count: number) => void
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #stream: Stream | undefined
  /** Bytes of the first payload that have left; −1 before its header has. */
  #sent = -1

  constructor(bounds: WriterBounds, onDropped: (count: number) => void) {
    this.#bounds = bounds
    this.#onDropped = onDropped
  }

  get queuedMessages(): number { return this.#queue.length }
  get queuedBytes(): number { return this.#queuedBytes }

  /** Takes a frame, or refuses it with false when the queue is full. */
  send(payload: Uint8Array): boolean {
    if (!this.#hasRoomFor(payload) && !(this.#bounds.whenFull === 'drop-oldest' && this.#makeRoomFor(payload))) return false
    this.#queue.push(payload)
    this.#queuedBytes += payload.length
    this.#pump()
    return true
  }

  /** Starts writing to `stream`: `first` before everything queued. The writer stops by itself when the stream does. */
  attach(stream: Stream, first: Uint8Array): void {
    this.#stream = stream
    this.#sent = -1
    stream.addEventListener('drain', () => { if (this.#stream === stream) this.#pump() })
    this.#queue.unshift(first)
    this.#queuedBytes += first.length
    this.#pump()
  }

  /** Forgets the stream and what was queued: after a break nobody knows what has arrived, and Raft sends again. */
  detach(): void {
    this.#stream = undefined
    if (this.#queue.length > 0) this.#onDropped(this.#queue.length)
    this.#queue = []
    this.#queuedBytes = 0
    this.#sent = -1
  }

  #hasRoomFor(payload: Uint8Array): boolean {
    return this.#queue.length < this.#bounds.messagesMax && this.#queuedBytes + payload.length <= this.#bounds.bytesMax
  }

  /** Drops the oldest frames that have not begun to leave. */
  #makeRoomFor(payload: Uint8Array): boolean {
    if (payload.length > this.#bounds.bytesMax) return false
    const begun = this.#sent >= 0 ? 1 : 0
    let dropped = 0
    while (!this.#hasRoomFor(payload) && this.#queue.length > begun) {
      const [oldest] = this.#queue.splice(begun, 1)
      this.#queuedBytes -= oldest?.length ?? 0
      dropped++
    }
    if (dropped > 0) this.#onDropped(dropped)
    return this.#hasRoomFor(payload)
  }

  #pump(): void {
    const stream = this.#stream
    if (stream === undefined) return
    try {
      while (this.#queue.length > 0 && stream.writeStatus === 'writable' && !stream.writableNeedsDrain) this.#sendSome(stream, this.#queue[0]!)
    } catch (error) {
      // The connection below broke and the stream has not heard of it yet. Its close event does the rest; throwing here, in a listener of
      // a drain event, would end the process.
      stream.abort(error instanceof Error ? error : closeReason('sending failed'))
    }
  }

  /** Hands over the next piece of the first frame. The stream buffers at most that piece beyond what it could take. */
  #sendSome(stream: Stream, payload: Uint8Array): void {
    if (payload.length <= COPY_BYTES_MAX) {
      this.#shift(payload)
      stream.send(frameOf(payload))
      return
    }
    if (this.#sent < 0) {
      this.#sent = 0
      stream.send(frameHeader(payload.length))
      return
    }
    const piece = payload.subarray(this.#sent, this.#sent + PIECE_BYTES)
    this.#sent += piece.length
    if (this.#sent >= payload.length) this.#shift(payload)
    stream.send(piece)
  }

  #shift(payload: Uint8Array): void {
    this.#queue.shift()
    this.#queuedBytes -= payload.length
    this.#sent = -1
  }
}

/** What a frame with this payload takes on the wire, in bytes. */
export function frameBytes(payload: Uint8Array): number {
  return FRAME_HEADER_BYTES + payload.length
}
