// Goal: a link does to bytes what its weather says, and loses none. Method: an echo server behind a link, a client before it.
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { CLEAR, TcpLink } from './tcp-link.ts'

async function echoBehindLink(t: Test): Promise<{ readonly link: TcpLink; readonly dial: () => Socket }> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const link = new TcpLink((server.address() as AddressInfo).port)
  const port = await link.listen()
  t.teardown(async () => {
    await link.close()
    server.close()
  })
  return { link, dial: () => connect(port, '127.0.0.1').setNoDelay(true) }
}

async function read(socket: Socket, length: number): Promise<string> {
  let text = ''
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    text += String(part)
    if (text.length >= length) break
  }
  return text
}

/** Resolves when a socket is gone, whether by an error or an end. */
function endOf(socket: Socket): Promise<void> {
  return new Promise((done) => socket.resume().on('error', () => done()).once('close', () => done()))
}

t.test('bytes pass, blocked ones come later and in order', async (t) => {
  const { link, dial } = await echoBehindLink(t)
  const socket = dial()
  socket.write('a')
  t.equal(await read(socket, 1), 'a')
  let came = false
  const watch = (): void => { came = true }
  for (const direction of ['out', 'back'] as const) {
    link.setWeather(direction, { ...CLEAR, blocked: true })
    came = false
    socket.on('data', watch)
    socket.write('b')
    socket.write('c')
    // Another link shows that time enough has passed for bytes to go there and back.
    const other = await echoBehindLink(t)
    const free = other.dial()
    free.write('x')
    await read(free, 1)
    free.destroy()
    t.notOk(came, `nothing comes while ${direction} is blocked`)
    socket.off('data', watch)
    const later = read(socket, 2)
    link.setWeather(direction, CLEAR)
    t.equal(await later, 'bc')
  }
  socket.destroy()
})

t.test('a connection that begins in a cut is made when the cut ends', async (t) => {
  const { link, dial } = await echoBehindLink(t)
  link.setWeather('out', { ...CLEAR, blocked: true })
  const socket = dial()
  socket.write('early')
  await once(socket, 'connect')
  link.setWeather('out', CLEAR)
  t.equal(await read(socket, 5), 'early')
  socket.destroy()
})

t.test('refusing ends what is open and what comes, until it is over', async (t) => {
  const { link, dial } = await echoBehindLink(t)
  const open = dial()
  open.write('a')
  await read(open, 1)
  link.refusing = true
  await endOf(open)
  await endOf(dial())
  link.refusing = false
  const again = dial()
  again.write('b')
  t.equal(await read(again, 1), 'b')
  again.destroy()
})

t.test('delay and bandwidth hold bytes back by what they say at least', async (t) => {
  const { link, dial } = await echoBehindLink(t)
  const socket = dial()
  await once(socket, 'connect')
  link.setWeather('out', { ...CLEAR, delayMs: 60 })
  link.setWeather('back', { ...CLEAR, delayMs: 40 })
  const startedMs = performance.now()
  socket.write('a')
  await read(socket, 1)
  t.ok(performance.now() - startedMs >= 99, 'there and back')
  link.setWeather('out', { ...CLEAR, bytesPerSecond: 1000 })
  link.setWeather('back', CLEAR)
  const slowMs = performance.now()
  socket.write('x'.repeat(100))
  await read(socket, 100)
  socket.write('y')
  await read(socket, 1)
  t.ok(performance.now() - slowMs >= 99, 'the byte behind a hundred waits for them')
  socket.destroy()
})
