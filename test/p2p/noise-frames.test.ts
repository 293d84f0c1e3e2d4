import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import t from 'tap'
import { withoutFrameErrors } from '../../p2p/noise-frames.ts'

interface Decoder { readonly decoder?: { readonly lengthDecoder: (data: { byteLength: number; get: (at: number) => number }) => number } }

t.test('the frame reader of every secured connection throws one and the same error when a length is missing', async (t) => {
  const decoders: Decoder['decoder'][] = []
  const host = () => createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] }, transports: [tcp()], streamMuxers: [yamux()],
    connectionEncrypters: [(components: Parameters<ReturnType<typeof noise>>[0]) => {
      const encrypter = withoutFrameErrors(noise()(components))
      for (const side of ['secureInbound', 'secureOutbound'] as const) {
        const secure = encrypter[side].bind(encrypter)
        encrypter[side] = async (connection, options) => {
          const secured = await secure(connection, options)
          decoders.push((secured.connection as unknown as Decoder).decoder)
          return secured
        }
      }
      return encrypter
    }],
  })
  const [one, two] = await Promise.all([host(), host()])
  t.teardown(() => Promise.all([one.stop(), two.stop()]))
  await one.dial(two.getMultiaddrs())
  while (decoders.length < 2) await new Promise((resolve) => setTimeout(resolve, 5)) // The listening end may be a moment behind.
  for (const decoder of decoders) {
    const lengthOf = (...bytes: number[]): number => decoder!.lengthDecoder({ byteLength: bytes.length, get: (at) => bytes[at]! })
    t.equal(lengthOf(1, 2), 258)
    const errors = [[], [1]].map((bytes) => {
      try {
        return lengthOf(...bytes)
      } catch (error) {
        return error
      }
    })
    t.type(errors[0], RangeError, 'libp2p waits for more bytes on this kind of error alone')
    t.equal(errors[0], errors[1], 'the same object')
  }
})
