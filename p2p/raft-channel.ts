import type { Connection, Stream } from '@libp2p/interface'
import type { Logger } from '../primitives/ports.ts'
import { closeReason } from './errors.ts'
import { FrameWriter } from './frame-writer.ts'
import type { WriterBounds } from './frame-writer.ts'

const REOPEN_MS_MIN = 50
const REOPEN_MS_MAX = 5_000

export interface RaftChannelCollaborators {
  readonly logger: Logger
  readonly hello: Uint8Array
  readonly onOpen: () => void
  /** The stream broke while its connection lives: what had been taken may be lost. */
  readonly onBroken: () => void
  readonly onDropped: (count: number) => void
}

/** The way out to one peer on one channel: a stream that is opened with the connection and again whenever it breaks, and the queue before it. */
export class RaftChannel {
  readonly #protocol: string
  readonly #with: RaftChannelCollaborators
  readonly #writer: FrameWriter
  #connection: Connection | undefined
  #stream: Stream | undefined
  #opening = false
  #failures = 0
  #timer: NodeJS.Timeout | undefined

  constructor(protocol: string, bounds: WriterBounds, collaborators: RaftChannelCollaborators) {
    this.#protocol = protocol
    this.#with = collaborators
    this.#writer = new FrameWriter(bounds, collaborators.onDropped)
  }

  get connected(): boolean { return this.#connection !== undefined }
  get isOpen(): boolean { return this.#stream !== undefined }
  get queuedBytes(): number { return this.#writer.queuedBytes }

  /** Queues a frame; false without a connection or when the queue refuses it. */
  send(payload: Uint8Array): boolean {
    return this.#connection !== undefined && this.#writer.send(payload)
  }

  /** Moves to another connection, or to none. */
  use(connection: Connection | undefined): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#failures = 0
    const stream = this.#stream
    this.#connection = connection
    this.#stream = undefined
    this.#writer.detach()
    stream?.abort(closeReason('the connection was replaced'))
    if (connection !== undefined) void this.#open(connection)
  }

  async #open(connection: Connection): Promise<void> {
    if (this.#opening) return
    this.#opening = true
    let stream: Stream | undefined
    try {
      stream = await connection.newStream(this.#protocol)
    } catch (error) {
      this.#with.logger.debug({ protocol: this.#protocol, error: error instanceof Error ? error.name : 'unknown' }, 'could not open a raft stream')
    }
    this.#opening = false
    if (connection !== this.#connection) {
      // The connection changed meanwhile: this stream belongs to the old one.
      stream?.abort(closeReason('the connection was replaced'))
      if (this.#connection !== undefined) void this.#open(this.#connection)
    } else if (stream?.status === 'open') this.#attach(stream)
    else this.#reopenLater()
  }

  #attach(stream: Stream): void {
    this.#stream = stream
    stream.addEventListener('close', () => this.#broke(stream), { once: true })
    this.#writer.attach(stream, this.#with.hello)
    // Attaching may have found the stream broken.
    if (this.#stream === stream) this.#with.onOpen()
  }

  #broke(stream: Stream): void {
    if (stream !== this.#stream) return
    this.#stream = undefined
    this.#writer.detach()
    if (this.#connection?.status === 'open') this.#with.onBroken()
    this.#reopenLater()
  }

  #reopenLater(): void {
    const connection = this.#connection
    if (connection === undefined) return
    const delayMs = Math.min(REOPEN_MS_MAX, REOPEN_MS_MIN * 2 ** this.#failures++)
    this.#timer = setTimeout(() => { void this.#open(connection) }, delayMs)
  }
}
