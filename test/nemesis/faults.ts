import { explain } from '../../node/output.ts'
import type { NemesisCluster } from './cluster.ts'
import type { Disturbance } from './mesh.ts'
import { faultText } from './schedule.ts'
import type { Fault, Manner, Victim } from './schedule.ts'

/** How long a node with a full disk may go on before it meets it. */
const FULL_DISK_MS = 20_000

export interface FaultLog {
  /** What was done, at which time of the run. */
  readonly event: (atMs: number, text: string) => void
  readonly violation: (text: string) => void
}

/** Carries out a schedule against a cluster. */
export class FaultRunner {
  readonly #cluster: NemesisCluster
  readonly #log: FaultLog
  readonly #disturbances = new Set<Disturbance>()
  readonly #startedMs = performance.now()
  /** Exit code and last line of each node that ended over a full disk. */
  readonly fullDisks: { readonly code: number; readonly lastWords: string }[] = []

  constructor(cluster: NemesisCluster, log: FaultLog) {
    this.#cluster = cluster
    this.#log = log
  }

  /** Resolves when every fault has begun and ended, or when `signal` aborts and what was running has been undone. */
  async run(schedule: readonly Fault[], signal: AbortSignal): Promise<void> {
    await Promise.all(schedule.map(async (fault) => {
      await pause(fault.atMs - this.#nowMs, signal)
      if (!signal.aborted) await this.#carryOut(fault, signal)
    }))
  }

  get #nowMs(): number { return performance.now() - this.#startedMs }

  async #carryOut(fault: Fault, signal: AbortSignal): Promise<void> {
    const told = (text: string): void => this.#log.event(Math.round(this.#nowMs), text)
    switch (fault.name) {
      case 'kill': {
        const victims = await this.#places(fault.victims)
        told(`${faultText(fault)} (${names(victims)}) for ${fault.forMs} ms`)
        await Promise.all(victims.map((node) => this.#cluster.kill(node)))
        await pause(fault.forMs, signal)
        return this.#restart(victims)
      }
      case 'pause': {
        const [victim] = await this.#places([fault.victim])
        told(`${faultText(fault)} (${names([victim!])}) for ${fault.forMs} ms`)
        this.#cluster.pause(victim!)
        await pause(fault.forMs, signal)
        return this.#cluster.resume(victim!)
      }
      case 'disk': return this.#fillDisk(told)
      default: {
        const victims = 'victim' in fault ? await this.#places([fault.victim]) : []
        told(`${faultText(fault)}${victims.length > 0 ? ` (${names(victims)})` : ''} for ${fault.forMs} ms`)
        const disturbance = disturbanceOf(fault, victims[0])
        this.#disturbances.add(disturbance)
        this.#cluster.mesh.disturbances = [...this.#disturbances]
        await pause(fault.forMs, signal)
        this.#disturbances.delete(disturbance)
        this.#cluster.mesh.disturbances = [...this.#disturbances]
      }
    }
  }

  /** A leader that nobody knows of is the first node. */
  async #places(victims: readonly Victim[]): Promise<number[]> {
    const leader = victims.includes('leader') ? (await this.#cluster.leader()) ?? 0 : 0
    return [...new Set(victims.map((victim) => (victim === 'leader' ? leader : victim)))]
  }

  async #restart(nodes: readonly number[]): Promise<void> {
    await Promise.all(nodes.map((node) => this.#cluster.startNode(node).catch((error: unknown) => this.#log.violation(`node ${node + 1} did not start again: ${explain(error)}`))))
  }

  async #fillDisk(told: (text: string) => void): Promise<void> {
    const { disk, diskNode } = this.#cluster
    if (disk === undefined || !this.#cluster.isUp(diskNode)) return told('the node with the small disk is down: its disk is not filled now')
    told(`fill the disk of node ${diskNode + 1}, ${Math.round(disk.freeBytes / 1024)} KiB are free`)
    const ends = this.#cluster.endsOfFullDisk(diskNode, FULL_DISK_MS)
    disk.fill()
    const code = await ends
    const lastWords = this.#cluster.lastWords(diskNode)
    disk.free()
    if (code === undefined) return this.#log.violation(`node ${diskNode + 1} went on for ${FULL_DISK_MS} ms with a full disk`)
    told(`node ${diskNode + 1} ended with ${code}: ${lastWords}`)
    this.fullDisks.push({ code, lastWords })
    if (code === 0 || !/full|space|ENOSPC/i.test(lastWords)) this.#log.violation(`a full disk should end a node with one clear line and a code other than 0; it ended with ${code}: ${lastWords}`)
    await this.#restart([diskNode])
  }
}

function disturbanceOf(fault: Fault, victim: number | undefined): Disturbance {
  const id = (place: number | undefined): number => (place ?? 0) + 1
  const cut = (manner: Manner): ReturnType<Disturbance> => (manner === 'closed' ? { refused: true } : { blocked: true })
  switch (fault.name) {
    case 'isolate': return (from, to) => (from === id(victim) || to === id(victim) ? cut(fault.manner) : undefined)
    case 'halves': return (from, to) => (fault.side.includes(from - 1) !== fault.side.includes(to - 1) ? cut(fault.manner) : undefined)
    case 'pair': return (from, to) => ([from, to].every((each) => each === id(fault.a) || each === id(fault.b)) ? cut(fault.manner) : undefined)
    case 'one-way': return (from, to) => ((fault.direction === 'from' ? from : to) === id(victim) ? { blocked: true } : undefined)
    case 'delay': return (from, to) => (from === id(victim) || to === id(victim) ? { delayMs: fault.delayMs } : undefined)
    case 'bandwidth': return (from) => (from === id(victim) ? { bytesPerSecond: fault.bytesPerSecond } : undefined)
    case 'kill':
    case 'pause':
    case 'disk': return () => undefined
  }
}

const names = (nodes: readonly number[]): string => `node ${nodes.map((node) => node + 1).join(', ')}`

/** Ends early, without an error, when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve()
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
  })
}
