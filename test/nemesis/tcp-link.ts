import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** What one direction of a link does to bytes. Nothing is lost within a stream, as TCP would repeat it: what is blocked waits until it is not. */
export interface Weather { readonly blocked: boolean; readonly delayMs: number; readonly bytesPerSecond: number }
export const CLEAR: Weather = { blocked: false, delayMs: 0, bytesPerSecond: Infinity }

/** Bytes that wait in one direction before the sender is held back, as a socket buffer would. */
const WAITING_BYTES_MAX = 1024 * 1024

/** One direction of one connection: a queue in order, let out as the weather allows. The end of the stream waits its turn like its bytes. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #queue: { readonly dueMs: number; readonly bytes: Buffer | 'end' }[] = []
  #weather: Weather
  #waiting = 0
  #freeMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#from = from
    this.#to = to
    this.#weather = weather
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => this.#take('end'))
    to.on('drain', () => this.#letOut())
  }

  set weather(weather: Weather) {
    this.#weather = weather
    this.#letOut()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#queue.length = 0
  }

  #take(bytes: Buffer | 'end'): void {
    this.#queue.push({ dueMs: performance.now() + this.#weather.delayMs, bytes })
    this.#waiting += bytes === 'end' ? 0 : bytes.length
    if (this.#waiting > WAITING_BYTES_MAX) this.#from.pause()
    this.#letOut()
  }

  #letOut(): void {
    clearTimeout(this.#timer)
    while (!this.#weather.blocked && this.#queue.length > 0 && !this.#to.destroyed && !this.#to.writableNeedDrain) {
      const { dueMs, bytes } = this.#queue[0]!
      const nowMs = performance.now()
      const atMs = Math.max(dueMs, this.#freeMs)
      if (atMs > nowMs) {
        this.#timer = setTimeout(() => this.#letOut(), atMs - nowMs)
        return
      }
      this.#queue.shift()
      if (bytes === 'end') this.#to.end()
      else {
        this.#waiting -= bytes.length
        this.#freeMs = nowMs + (bytes.length / this.#weather.bytesPerSecond) * 1000
        this.#to.write(bytes)
      }
    }
    if (this.#waiting <= WAITING_BYTES_MAX / 2) this.#from.resume()
  }
}

interface Pair { readonly near: Socket; readonly far: Socket; readonly out: Pipe; readonly back: Pipe }

/**
 * A TCP proxy on loopback that one node dials to reach another: the only way between the two that begins at the dialler. `out` is the weather of bytes
 * from the dialler, `back` of those to it. A new connection waits for its far side while `out` is blocked; while `refusing` it is closed.
 */
export class TcpLink {
  readonly #target: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #held = new Set<Socket>()
  #out = CLEAR
  #back = CLEAR
  #refusing = false

  constructor(target: number) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#opened(near))
  }

  /** Resolves with the port to dial. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port))
    })
  }

  get connections(): number { return this.#pairs.size }

  setWeather(direction: 'out' | 'back', weather: Weather): void {
    if (direction === 'out') this.#out = weather
    else this.#back = weather
    for (const { out, back } of this.#pairs) (direction === 'out' ? out : back).weather = weather
    if (!this.#out.blocked) for (const near of this.#take(this.#held)) this.#join(near)
  }

  /** While true, what is open is closed, with whatever waits in it, and so is whatever comes. */
  set refusing(refusing: boolean) {
    if (refusing && !this.#refusing) this.#closeAll()
    this.#refusing = refusing
  }

  async close(): Promise<void> {
    this.refusing = true
    await new Promise((done) => this.#server.close(done))
  }

  #closeAll(): void {
    for (const near of this.#take(this.#held)) near.destroy()
    for (const { near, far } of [...this.#pairs]) {
      near.destroy()
      far.destroy()
    }
  }

  #take<T>(set: Set<T>): T[] {
    const all = [...set]
    set.clear()
    return all
  }

  #opened(near: Socket): void {
    near.on('error', () => near.destroy())
    if (this.#refusing) near.destroy()
    else if (!this.#out.blocked) this.#join(near)
    else {
      near.pause()
      this.#held.add(near)
      near.once('close', () => this.#held.delete(near))
    }
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    near.setNoDelay(true)
    near.resume()
    const pair: Pair = { near, far, out: new Pipe(near, far, this.#out), back: new Pipe(far, near, this.#back) }
    this.#pairs.add(pair)
    const end = (): void => {
      // A side that is gone ends the other at once, also through a cut: simpler than what a network does.
      if (!this.#pairs.delete(pair)) return
      pair.out.stop()
      pair.back.stop()
      near.destroy()
      far.destroy()
    }
    far.on('error', () => far.destroy())
    near.once('close', end)
    far.once('close', end)
  }
}
