import type { ConnectionProtector, MessageStream } from '@libp2p/interface'

/**
 * Makes each message one write to the socket. Noise hands over a list (length, ciphertext pieces, tag) and the TCP transport writes each
 * element by itself, with Nagle's algorithm off: a small frame became two to five system calls and as many packets. Joining copies at most
 * one piece of a frame, which is far cheaper. libp2p's place for a layer between socket and encryption is the connection protector.
 */
export function oneWritePerMessage(): ConnectionProtector {
  return { protect: async (stream) => joining(stream) }
}

function joining<T extends MessageStream>(stream: T): T {
  const send = stream.send.bind(stream)
  stream.send = (data) => send(data.subarray())
  return stream
}
