import type { Stream } from '@libp2p/interface'
import { closeReason } from './errors.ts'
import { FrameDecoder } from './wire.ts'

export interface FrameReaderHandlers {
  /** Each payload in order. Throwing a `PeerFault` ends the stream; anything else thrown is a bug of this node and ends it too. */
  onFrame(payload: Uint8Array): void
  /** Called once when reading ended: with the fault, with another error, or with nothing after a clean end. No frame comes after it. */
  onEnd(error?: unknown): void
}

/**
 * Reads frames of at most `bytesMax` from a stream as they arrive. It listens to the stream's events instead of iterating over it,
 * because an iterator queues without bound what its consumer has not fetched yet.
 */
export function readFrames(stream: Stream, bytesMax: number, { onFrame, onEnd }: FrameReaderHandlers): void {
  const decoder = new FrameDecoder(bytesMax)
  let ended = false
  const end = (error?: unknown): void => {
    if (ended) return
    ended = true
    onEnd(error)
    if (error !== undefined) stream.abort(error instanceof Error ? error : closeReason('frame reading failed'))
  }
  const take = (chunk: Uint8Array): void => {
    for (const payload of decoder.push(chunk)) {
      onFrame(payload)
      if (ended) return
    }
  }
  stream.addEventListener('message', ({ data }) => {
    if (ended) return
    try {
      for (const chunk of data instanceof Uint8Array ? [data] : data) {
        take(chunk)
        if (ended) return
      }
    } catch (error) {
      end(error)
    }
  })
  const cleanly = (): void => {
    // Inside a frame it is what a break looks like, and nobody's fault.
    end(decoder.atBoundary ? undefined : closeReason('the stream ended inside a frame'))
  }
  stream.addEventListener('end', cleanly, { once: true })
  stream.addEventListener('close', ({ error }) => {
    if (error === undefined) cleanly()
    else end(closeReason('the stream was reset'))
  }, { once: true })
  if (stream.status !== 'open' && stream.readBufferLength === 0) cleanly()
}
