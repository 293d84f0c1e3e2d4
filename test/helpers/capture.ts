import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** Packets that the kernel may hold for a tcpdump that is late, in KiB: the nodes under test write tens of megabytes in bursts. A machine that has not so much gives less. */
const RINGS_KIB = [256 * 1024, 64 * 1024] as const
const START_MS = 60_000
const DRAIN_MS = 90_000

/** One direction of one TCP connection, its payloads joined in the order of their sequence numbers, each byte once. */
export interface Flow { readonly from: number; readonly to: number; readonly bytes: Buffer }

export interface Capture {
  /** Ends the capture once everything sent before is in it, and gives what went over the loopback interface. */
  stop(): Promise<{ readonly flows: readonly Flow[]; /** Packets lost between kernel and file: 0, or nothing can be claimed of what was not seen. */ readonly dropped: number }>
  /** Ends it without a result; for a test that failed before. Harmless after `stop`. */
  abort(): void
}

/** Records all TCP of the loopback interface into a pcap file. Without tcpdump, or the right to use it, gives the reason instead. */
export async function startCapture(path: string): Promise<Capture | string> {
  let refusal = ''
  for (const ringKib of RINGS_KIB) {
    const capture = await tryCapture(path, ringKib)
    if (typeof capture !== 'string') return capture
    refusal = capture
  }
  return refusal
}

async function tryCapture(path: string, ringKib: number): Promise<Capture | string> {
  // To standard output: when root starts it, tcpdump gives up its rights before it opens a file of its own.
  const child = spawn('tcpdump', ['-i', 'lo', '-n', '-s', '0', '-U', '-B', String(ringKib), '-w', '-', 'tcp'], { stdio: ['ignore', openSync(path, 'w', 0o600), 'pipe'] })
  let said = ''
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const ready = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), START_MS)
    const finish = (isReady: boolean): void => {
      clearTimeout(timer)
      resolve(isReady)
    }
    child.once('error', (error) => { said += error.message; finish(false) })
    child.once('close', () => finish(false))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('listening on')) finish(true)
    })
  })
  if (!ready) {
    child.kill('SIGKILL')
    return `no capture of the loopback traffic: ${said.trim().split('\n').at(-1) ?? 'tcpdump says nothing'}`
  }
  return {
    abort: () => void child.kill('SIGKILL'),
    async stop() {
      const mark = randomBytes(24)
      await sendOverLoopback([mark])
      await fileHolds(path, mark)
      child.kill('SIGINT')
      await exited
      return { flows: flowsOf(readFileSync(path)), dropped: Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? Number.NaN) }
    },
  }
}

/** Sends pieces over a loopback connection, each a packet of its own, and resolves when the other side has them all. Gives the port it listened on. */
export async function sendOverLoopback(pieces: readonly Uint8Array[]): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const received = new Promise<void>((resolve) => server.once('connection', (socket) => socket.resume().once('end', () => { socket.end(); resolve() })))
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  for (const piece of pieces) {
    await new Promise<void>((resolve, reject) => socket.write(piece, (error) => (error ? reject(error) : resolve())))
    await new Promise((resolve) => setImmediate(resolve))
  }
  socket.end()
  await received
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function fileHolds(path: string, mark: Buffer): Promise<void> {
  const deadline = performance.now() + DRAIN_MS
  while (readFileSync(path).subarray(-4 * 1024 * 1024).indexOf(mark) < 0) {
    if (performance.now() > deadline) throw new Error('the capture did not come to its end mark')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

interface Segment { readonly sequence: number; readonly payload: Buffer }

const PCAP = { magic: 0xa1b2c3d4, headerBytes: 24, recordBytes: 16, ethernet: 1, ethernetBytes: 14 } as const

/** The TCP flows in a pcap file (little-endian, Ethernet frames, as Linux writes its loopback), IPv4 and IPv6 without extension headers. Throws on any other file. */
export function flowsOf(pcap: Buffer): Flow[] {
  if (pcap.readUInt32LE(0) !== PCAP.magic || pcap.readUInt32LE(20) !== PCAP.ethernet) throw new RangeError('this is no pcap file of Ethernet frames')
  const segments = new Map<string, Segment[]>()
  for (let at = PCAP.headerBytes; at + PCAP.recordBytes <= pcap.length;) {
    const length = pcap.readUInt32LE(at + 8)
    const start = at + PCAP.recordBytes
    addSegment(segments, pcap.subarray(start + PCAP.ethernetBytes, start + length), pcap.readUInt16BE(start + 12))
    at = start + length
  }
  return [...segments].map(([key, ofFlow]) => {
    const [from, to] = key.split('>').map((end) => Number(end.slice(end.lastIndexOf('|') + 1))) as [number, number]
    return { from, to, bytes: join(ofFlow) }
  })
}

function addSegment(segments: Map<string, Segment[]>, packet: Buffer, etherType: number): void {
  const isV4 = etherType === 0x0800
  if (!isV4 && etherType !== 0x86dd) return
  const headerBytes = isV4 ? (packet[0]! & 15) * 4 : 40
  if (packet[isV4 ? 9 : 6] !== 6) return
  // A length of 0 stands for a packet that was not yet cut into segments: then the frame's end is its end.
  const stated = packet.readUInt16BE(isV4 ? 2 : 4) + (isV4 ? 0 : 40)
  const tcp = packet.subarray(headerBytes, stated > headerBytes ? stated : packet.length)
  const payload = tcp.subarray((tcp[12]! >> 4) * 4)
  if (payload.length === 0) return
  const [source, target] = isV4 ? [packet.subarray(12, 16), packet.subarray(16, 20)] : [packet.subarray(8, 24), packet.subarray(24, 40)]
  const key = `${source.toString('hex')}|${tcp.readUInt16BE(0)}>${target.toString('hex')}|${tcp.readUInt16BE(2)}`
  const ofFlow = segments.get(key)
  if (ofFlow === undefined) segments.set(key, [{ sequence: tcp.readUInt32BE(4), payload }])
  else ofFlow.push({ sequence: tcp.readUInt32BE(4), payload })
}

/** In the order of sequence numbers, which wrap at 2³²; what was sent again is taken once. */
function join(segments: readonly Segment[]): Buffer {
  const first = segments[0]!.sequence
  const ordered = segments.map(({ sequence, payload }) => ({ offset: (sequence - first) | 0, payload })).sort((a, b) => a.offset - b.offset)
  const parts: Buffer[] = []
  let end = Number.NEGATIVE_INFINITY
  for (const { offset, payload } of ordered) {
    const fresh = payload.subarray(Math.max(0, Math.min(payload.length, end - offset)))
    if (fresh.length > 0) parts.push(fresh)
    end = Math.max(end, offset + payload.length)
  }
  return Buffer.concat(parts)
}
