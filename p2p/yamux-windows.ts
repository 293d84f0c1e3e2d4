import { StreamState, YamuxStream } from '@libp2p/yamux/stream'

/**
 * Fewer window updates. @libp2p/yamux answers every data frame with an update of the receive window, so each small message costs a second
 * encrypted frame and a system call on both sides; the specification only asks that a sender never starves. Here an update goes out once a
 * quarter of the first window has been received since the last one.
 *
 * libp2p has no setting for it and makes its streams itself, so the exported class is changed, once, for the whole process. Both methods
 * are public; `test/p2p/yamux-windows.test.ts` fails when a new version no longer calls them.
 */
export function updateWindowsRarely(windowBytes: number): void {
  if (patched) return
  patched = true
  const received = new WeakMap<YamuxStream, number>()
  const { handleData, sendWindowUpdate } = YamuxStream.prototype
  YamuxStream.prototype.handleData = function (frame) {
    received.set(this, (received.get(this) ?? 0) + frame.header.length)
    handleData.call(this, frame)
  }
  YamuxStream.prototype.sendWindowUpdate = function () {
    // In every other state the update carries a flag of the handshake.
    if (this.state === StreamState.Established && (received.get(this) ?? 0) < windowBytes / 4) return
    received.set(this, 0)
    sendWindowUpdate.call(this)
  }
}

let patched = false
