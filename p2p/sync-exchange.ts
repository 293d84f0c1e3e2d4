import type { Stream } from '@libp2p/interface'
import { AnswerQueue } from './answer-queue.ts'
import { PeerFault, closeReason, p2pError } from './errors.ts'
import { readFrames } from './frame-reader.ts'
import { sendFrame } from './frame-send.ts'
import { frameOf } from './wire.ts'
import { readAnswer, requestHead } from './sync-frames.ts'
import type { AnswerFrame } from './sync-frames.ts'

export interface ExchangeStreamHandlers {
  onFault(fault: PeerFault): void
  /** The stream is of no further use. Called once, if sending the hello fails even before the constructor has returned. */
  onClosed(closed: ExchangeStream): void
}

/** Codes that mean the same here and at the other node. */
const SHARED_CODES = ['P2P_BUSY', 'P2P_METHOD_UNKNOWN', 'P2P_TIMED_OUT', 'P2P_REMOTE_FAILED'] as const

/** A stream to one node at the asking side: one exchange at a time. */
export class ExchangeStream {
  readonly node: number
  readonly #stream: Stream
  readonly #handlers: ExchangeStreamHandlers
  #queue: AnswerQueue | undefined
  #method = ''
  #closed = false

  constructor(node: number, stream: Stream, hello: Uint8Array, frameBytesMax: number, handlers: ExchangeStreamHandlers) {
    this.node = node
    this.#stream = stream
    this.#handlers = handlers
    readFrames(stream, frameBytesMax, { onFrame: (payload) => this.#take(readAnswer(payload)), onEnd: (error) => this.#ended(error) })
    try {
      stream.send(frameOf(hello))
    } catch (error) {
      stream.abort(error instanceof Error ? error : closeReason('the hello could not be sent'))
    }
  }

  get closed(): boolean { return this.#closed }
  /** Ready for the next exchange. */
  get idle(): boolean { return !this.#closed && this.#queue === undefined }

  /** Begins an exchange. The answer comes through the queue returned; when `signal` aborts before its end, the stream is given up. */
  begin(method: string, body: Uint8Array, signal: AbortSignal): AnswerQueue {
    const queue = new AnswerQueue({ pause: () => this.#flow('pause'), resume: () => this.#flow('resume') })
    this.#queue = queue
    this.#method = method
    sendFrame(this.#stream, requestHead(method), body, signal).catch(() => this.close('the request could not be sent'))
    return queue
  }

  close(reason: string): void {
    this.#stream.abort(closeReason(reason))
  }

  #take(frame: AnswerFrame): void {
    const queue = this.#queue
    if (queue === undefined) throw new PeerFault('P2P_FRAME_GARBLED', 'disconnect', 'an answer came without a request')
    if (frame.kind === 'item' || frame.kind === 'last') queue.push(frame.data)
    if (frame.kind === 'item') return
    this.#queue = undefined
    queue.finish(frame.kind === 'error' ? this.#remoteError(frame.code, frame.retryable) : undefined)
  }

  #ended(error: unknown): void {
    if (this.#closed) return
    this.#closed = true
    if (error instanceof PeerFault) this.#handlers.onFault(error)
    this.#queue?.finish(p2pError('P2P_CONNECTION_LOST', 'the connection broke before the answer was complete', { node: this.node, method: this.#method }, error, true))
    this.#queue = undefined
    this.#handlers.onClosed(this)
  }

  #remoteError(code: string, retryable: boolean): Error {
    const details = { node: this.node, method: this.#method }
    const shared = SHARED_CODES.find((known) => known === code)
    if (shared !== undefined) return p2pError(shared, 'the other node did not answer', details, undefined, retryable)
    return p2pError('P2P_REMOTE_REFUSED', 'the other node refused the request', { ...details, code }, undefined, retryable)
  }

  #flow(action: 'pause' | 'resume'): void {
    if (this.#stream.readStatus !== 'readable' && this.#stream.readStatus !== 'paused') return
    try {
      this.#stream[action]()
    } catch (error) {
      // The window update could not be sent: the connection below broke.
      this.#stream.abort(error instanceof Error ? error : closeReason('flow control failed'))
    }
  }
}
