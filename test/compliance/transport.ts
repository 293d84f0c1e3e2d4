import type { Test } from 'tap'

type Channel = 'control' | 'append'

/** What Raft asks of a transport, as seen by these tests. */
export interface TransportUnderTest {
  send(node: number, channel: Channel, frame: Uint8Array): boolean
  onMessage(handler: (from: number, channel: Channel, frame: Uint8Array) => void): void
  onPeerChange(handler: (node: number, connected: boolean) => void): void
  onUnreachable(handler: (node: number) => void): void
}

export interface TransportCluster {
  /** One per node, ids 1, 2, …; all can talk to each other. */
  readonly transports: ReadonlyMap<number, TransportUnderTest>
  /** Bounds in force, in bytes and messages. */
  readonly controlFrameBytesMax: number
  readonly appendQueueMessagesMax: number
  /** Takes a node off the network; resolves when it is off. */
  cut(node: number): Promise<void>
  stop(): Promise<void>
}

const frameOf = (length: number, mark: number): Uint8Array => {
  const frame = new Uint8Array(length).fill(mark & 255)
  new DataView(frame.buffer).setUint32(0, mark)
  return frame
}
const markOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(0)

interface Received { readonly from: number; readonly channel: Channel; readonly frame: Uint8Array }

/** Resolves to the first `count` messages that arrive at a transport. */
function receive(transport: TransportUnderTest, count: number): Promise<Received[]> {
  return new Promise((resolve) => {
    const received: Received[] = []
    transport.onMessage((from, channel, frame) => {
      received.push({ from, channel, frame })
      if (received.length === count) resolve(received)
    })
  })
}

/** What every transport must do for Raft, in memory or over a network. `create` makes a fresh cluster of three. */
export async function transportCompliance(t: Test, name: string, create: () => Promise<TransportCluster>): Promise<void> {
  const withCluster = async (t: Test): Promise<{ cluster: TransportCluster; at: (node: number) => TransportUnderTest }> => {
    const cluster = await create()
    t.teardown(() => cluster.stop())
    return { cluster, at: (node) => cluster.transports.get(node)! }
  }

  await t.test(`${name}: a node that is not there is reported, and the message dropped`, async (t) => {
    const { cluster, at } = await withCluster(t)
    const reported = new Promise<number>((resolve) => at(1).onUnreachable(resolve))
    t.notOk(at(1).send(9, 'control', frameOf(8, 1)), 'a node nobody knows')
    t.equal(await reported, 9)
    const lost = new Promise<[number, boolean]>((resolve) => at(1).onPeerChange((node, connected) => resolve([node, connected])))
    await cluster.cut(3)
    t.same(await lost, [3, false], 'the loss is told')
    t.notOk(at(1).send(3, 'append', frameOf(8, 1)))
    const arrived = receive(at(2), 1)
    t.ok(at(1).send(2, 'control', frameOf(8, 7)), 'others are still there')
    t.equal(markOf((await arrived)[0]!.frame), 7)
  })

  await t.test(`${name}: the report of an unreachable node comes after the call that caused it`, async (t) => {
    const { at } = await withCluster(t)
    let inside = false
    const reported = new Promise<boolean>((resolve) => at(1).onUnreachable(() => resolve(inside)))
    inside = true
    at(1).send(9, 'control', frameOf(8, 1))
    inside = false
    t.equal(await reported, false)
  })

  await t.test(`${name}: what is larger than the channel allows is refused`, async (t) => {
    const { cluster, at } = await withCluster(t)
    t.notOk(at(1).send(2, 'control', frameOf(cluster.controlFrameBytesMax + 1, 1)))
    const arrived = receive(at(2), 1)
    t.ok(at(1).send(2, 'control', frameOf(cluster.controlFrameBytesMax, 2)))
    t.equal((await arrived)[0]!.frame.length, cluster.controlFrameBytesMax)
  })

  await t.test(`${name}: sending never waits, and a full queue says so`, async (t) => {
    const { cluster, at } = await withCluster(t)
    const block = frameOf(1024 * 1024, 1)
    const taken: boolean[] = []
    for (let i = 0; i < cluster.appendQueueMessagesMax + 64; i++) taken.push(at(1).send(2, 'append', block))
    t.ok(taken.includes(false), 'a queue without bound would take everything')
    t.ok(taken[0])
  })

  await t.test(`${name}: messages of a channel arrive whole, once and in order, with their sender`, async (t) => {
    const { at } = await withCluster(t)
    const lengths = [8, 5_000, 70_000, 8, 300_000, 8, 1_048_576, 9]
    const arrived = receive(at(2), 2 * lengths.length)
    const third = receive(at(3), 1)
    for (const [i, length] of lengths.entries()) {
      t.ok(at(1).send(2, 'append', frameOf(length, i)))
      t.ok(at(3).send(2, 'append', frameOf(length, 100 + i)))
    }
    t.ok(at(1).send(3, 'control', frameOf(8, 5)))
    const all = await arrived
    for (const from of [1, 3]) {
      const own = all.filter((message) => message.from === from)
      t.same(own.map(({ frame }) => [frame.length, markOf(frame) % 100]), lengths.map((length, i) => [length, i]), `from ${from}`)
      t.ok(own.every(({ channel, frame }) => channel === 'append' && Buffer.compare(frame, frameOf(frame.length, markOf(frame))) === 0), 'unchanged')
    }
    t.same((await third).map(({ from, channel }) => [from, channel]), [[1, 'control']])
  })

  await t.test(`${name}: a control message is not stuck behind a queue of blocks`, async (t) => {
    const { at } = await withCluster(t)
    const order: Channel[] = []
    const done = new Promise<void>((resolve) => {
      at(2).onMessage((_, channel) => {
        order.push(channel)
        if (order.length === 9) resolve()
      })
    })
    for (let i = 0; i < 8; i++) t.ok(at(1).send(2, 'append', frameOf(1024 * 1024, i)))
    t.ok(at(1).send(2, 'control', frameOf(8, 99)))
    await done
    t.ok(order.indexOf('control') < 8, `arrived as number ${order.indexOf('control') + 1} of 9`)
  })

  await t.test(`${name}: the same bytes may go to many nodes`, async (t) => {
    const { at } = await withCluster(t)
    const frame = frameOf(200_000, 77)
    const before = frame.slice()
    const arrived = [receive(at(2), 1), receive(at(3), 1)]
    for (const node of [2, 3]) t.ok(at(1).send(node, 'append', frame))
    for (const [received] of await Promise.all(arrived)) t.ok(Buffer.compare(received!.frame, before) === 0)
    t.ok(Buffer.compare(frame, before) === 0)
  })
}
