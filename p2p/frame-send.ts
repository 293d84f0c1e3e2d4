import type { Stream } from '@libp2p/interface'
import { concatBytes } from '../primitives/bytes.ts'
import { closeReason } from './errors.ts'
import { frameHeader } from './wire.ts'

const PIECE_BYTES = 128 * 1024
const COPY_BYTES_MAX = 16 * 1024

/** Sends one frame made of `head ‖ body`, waiting whenever the stream is full. `body` is not copied when it is large. Throws when the stream closes or `signal` aborts. */
export async function sendFrame(stream: Stream, head: Uint8Array, body: Uint8Array, signal: AbortSignal): Promise<void> {
  const start = concatBytes(frameHeader(head.length + body.length), head)
  if (body.length <= COPY_BYTES_MAX) {
    await sendPiece(stream, concatBytes(start, body), signal)
    return
  }
  await sendPiece(stream, start, signal)
  for (let at = 0; at < body.length; at += PIECE_BYTES) await sendPiece(stream, body.subarray(at, at + PIECE_BYTES), signal)
}

async function sendPiece(stream: Stream, piece: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (!stream.send(piece)) await drained(stream, signal)
}

/**
 * Resolves when the stream takes data again. Not the stream's own `onDrain`: in @libp2p/utils 7 its promise is made once and stays resolved, so
 * from the second wait on it does not hold anything back.
 */
async function drained(stream: Stream, signal: AbortSignal): Promise<void> {
  if (!stream.writableNeedsDrain) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = (): void => reject(closeReason('the stream closed while it was written'))
  const onAbort = (): void => reject(signal.reason)
  stream.addEventListener('drain', () => resolve(), { once: true, signal })
  stream.addEventListener('close', onClose, { once: true })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    stream.removeEventListener('close', onClose)
    signal.removeEventListener('abort', onAbort)
  }
}
