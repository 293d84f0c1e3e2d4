import { YamuxStream } from '@libp2p/yamux/stream'
import t from 'tap'
import { allReachable, poll, startCluster, stopAll } from './cluster.ts'

const calls = { data: 0, updates: 0 }
// Wrapped before the first host is made, so that the change under test wraps this and only what gets through is counted.
const { handleData, sendWindowUpdate } = YamuxStream.prototype
YamuxStream.prototype.handleData = function (frame) {
  calls.data++
  handleData.call(this, frame)
}
YamuxStream.prototype.sendWindowUpdate = function () {
  calls.updates++
  sendWindowUpdate.call(this)
}

t.test('small messages are not each answered with a window update, and large ones never starve', async (t) => {
  const nodes = await startCluster(2)
  t.teardown(() => stopAll(nodes))
  await allReachable(nodes)
  const [one, two] = nodes
  let received = 0
  two!.network.raft.onMessage((_from, _channel, frame) => { received += frame.length })
  calls.data = calls.updates = 0
  for (let i = 0; i < 300; i++) {
    one!.network.raft.send(2, 'control', new Uint8Array(100))
    await poll(() => received === 100 * (i + 1))
  }
  t.ok(calls.data >= 300, `${calls.data} data frames`)
  t.ok(calls.updates <= 10, `${calls.updates} window updates`)
  // Three windows full, more than could arrive if the window were never opened again.
  const large = new Uint8Array(256 * 1024)
  for (let i = 0; i < 24; i++) {
    const before = received
    one!.network.raft.send(2, 'append', large)
    await poll(() => received === before + large.length)
  }
  t.ok(calls.updates > 0, `${calls.updates} window updates`)
})
