import type { ConnectionEncrypter } from '@libp2p/interface'

/** Thrown again and again: making an error means walking a deep stack. */
const TOO_SHORT = new RangeError('fewer than two bytes: the length of the next frame has not arrived')

interface Bytes { readonly byteLength: number; get(index: number): number }
interface LengthDecoder { lengthDecoder: (data: Bytes) => number }

/**
 * Noise frames begin with two bytes of length. @chainsafe/libp2p-noise asks for them until it meets an empty buffer, which it learns from an
 * exception made anew: about a twentieth of a busy node's main thread. The reader given here throws one that is made once.
 *
 * libp2p has no setting for it, so the decoder of each secured connection is changed; `test/p2p/noise-frames.test.ts` fails when a new version has none.
 */
export function withoutFrameErrors(encrypter: ConnectionEncrypter): ConnectionEncrypter {
  const { secureInbound, secureOutbound } = encrypter
  encrypter.secureInbound = async (connection, options) => quiet(await secureInbound.call(encrypter, connection, options))
  encrypter.secureOutbound = async (connection, options) => quiet(await secureOutbound.call(encrypter, connection, options))
  return encrypter
}

function quiet<S extends { readonly connection: object }>(secured: S): S {
  const { decoder } = secured.connection as { readonly decoder?: LengthDecoder }
  if (typeof decoder?.lengthDecoder === 'function') decoder.lengthDecoder = frameLength
  return secured
}

function frameLength(data: Bytes): number {
  if (data.byteLength < 2) throw TOO_SHORT
  return data.get(0) * 256 + data.get(1)
}
