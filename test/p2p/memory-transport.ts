import type { TransportCluster, TransportUnderTest } from '../compliance/transport.ts'

type Channel = 'control' | 'append'
interface Endpoint extends TransportUnderTest { deliver(from: number, channel: Channel, frame: Uint8Array): void; change(node: number, connected: boolean): void }

const QUEUE_MESSAGES_MAX = 64
const FRAME_BYTES_MAX: Readonly<Record<Channel, number>> = { control: 64 * 1024, append: 2 * 1024 * 1024 }

/** Raft's transport inside one process: the same promises as over the network, kept with queues and microtasks. */
export function createMemoryCluster(count: number): TransportCluster {
  const ids = Array.from({ length: count }, (_, i) => i + 1)
  const present = new Set(ids)
  const endpoints = new Map<number, Endpoint>()
  for (const node of ids) endpoints.set(node, createEndpoint(node, (to) => (present.has(to) && present.has(node) ? endpoints.get(to) : undefined)))
  return {
    transports: endpoints,
    controlFrameBytesMax: FRAME_BYTES_MAX.control,
    appendQueueMessagesMax: QUEUE_MESSAGES_MAX,
    async cut(node) {
      present.delete(node)
      for (const other of present) endpoints.get(other)?.change(node, false)
    },
    async stop() { present.clear() },
  }
}

function createEndpoint(self: number, reach: (node: number) => Endpoint | undefined): Endpoint {
  let onMessage: ((from: number, channel: Channel, frame: Uint8Array) => void) | undefined
  let onUnreachable: ((node: number) => void) | undefined
  const onChange: ((node: number, connected: boolean) => void)[] = []
  const queued = new Map<string, number>()
  return {
    send(node, channel, frame) {
      if (frame.length > FRAME_BYTES_MAX[channel]) return false
      if (reach(node) === undefined) {
        queueMicrotask(() => onUnreachable?.(node))
        return false
      }
      const key = `${node} ${channel}`
      const waiting = queued.get(key) ?? 0
      if (waiting >= QUEUE_MESSAGES_MAX) return false
      queued.set(key, waiting + 1)
      const deliver = (): void => {
        queued.set(key, (queued.get(key) ?? 1) - 1)
        reach(node)?.deliver(self, channel, frame)
      }
      if (channel === 'control') queueMicrotask(deliver)
      else setImmediate(deliver)
      return true
    },
    onMessage(handler) { onMessage = handler },
    onPeerChange(handler) { onChange.push(handler) },
    onUnreachable(handler) { onUnreachable = handler },
    deliver: (from, channel, frame) => onMessage?.(from, channel, frame),
    change: (node, connected) => { for (const handler of onChange) handler(node, connected) },
  }
}
