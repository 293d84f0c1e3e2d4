import { chooser } from '../helpers/choose.ts'

export const FAULTS = ['kill', 'pause', 'isolate', 'halves', 'pair', 'one-way', 'delay', 'bandwidth', 'disk'] as const
export type FaultName = typeof FAULTS[number]

/** A node, by its place among the nodes from 0, or whoever leads when the fault begins. */
export type Victim = number | 'leader'

/** One fault from `atMs` after the start for `forMs`. What the numbers mean is in the texts of `faultText`. */
export type Fault = { readonly atMs: number; readonly forMs: number } & (
  | { readonly name: 'kill'; readonly victims: readonly Victim[] }
  | { readonly name: 'pause'; readonly victim: Victim }
  | { readonly name: 'isolate'; readonly victim: Victim; readonly manner: Manner }
  | { readonly name: 'halves'; readonly side: readonly number[]; readonly manner: Manner }
  | { readonly name: 'pair'; readonly a: number; readonly b: number; readonly manner: Manner }
  | { readonly name: 'one-way'; readonly victim: Victim; readonly direction: 'to' | 'from' }
  | { readonly name: 'delay'; readonly victim: Victim; readonly delayMs: number }
  | { readonly name: 'bandwidth'; readonly victim: Victim; readonly bytesPerSecond: number }
  | { readonly name: 'disk' }
)

/** `silent`: bytes stop and come late; `closed`: connections end and are refused. */
export type Manner = 'silent' | 'closed'

const QUIET_START_MS = 2000

/**
 * What is done to the nodes and when: the same for equal arguments. One fault after the other with breaks between, now and then two at once.
 * Two nodes may be killed together, which leaves no quorum of three or four: nothing may be acknowledged then, and all must go on afterwards.
 */
export function createSchedule({ seed, nodes, durationMs, faults }: { readonly seed: number; readonly nodes: number; readonly durationMs: number; readonly faults: readonly FaultName[] }): Fault[] {
  const choose = chooser(seed)
  const schedule: Fault[] = []
  for (let atMs = QUIET_START_MS + choose(1500); faults.length > 0; atMs += choose(4) === 0 ? choose(1000) : 0) {
    const forMs = 800 + choose(choose(4) === 0 ? 9000 : 4000)
    if (atMs + forMs > durationMs) break
    schedule.push(draw(faults[choose(faults.length)]!, { atMs, forMs }, nodes, choose))
    // A quarter begin while the one before still lasts.
    atMs += choose(4) === 0 ? choose(forMs) : forMs + 300 + choose(2500)
  }
  return schedule
}

function draw(name: FaultName, time: { readonly atMs: number; readonly forMs: number }, nodes: number, choose: (below: number) => number): Fault {
  const victim: Victim = choose(2) === 0 ? 'leader' : choose(nodes)
  const manner: Manner = choose(3) === 0 ? 'closed' : 'silent'
  const first = choose(nodes)
  const other = (first + 1 + choose(nodes - 1)) % nodes
  switch (name) {
    case 'kill': return { ...time, name, victims: choose(4) === 0 ? [first, other] : [victim] }
    case 'pause': return { ...time, name, victim }
    case 'isolate': return { ...time, name, victim, manner }
    case 'halves': return { ...time, name, manner, side: Array.from({ length: nodes }, (_, i) => (first + i) % nodes).slice(0, 1 + choose(nodes - 1)) }
    case 'pair': return { ...time, name, manner, a: first, b: other }
    case 'one-way': return { ...time, name, victim, direction: choose(2) === 0 ? 'to' : 'from' }
    case 'delay': return { ...time, name, victim, delayMs: 5 + choose(choose(3) === 0 ? 800 : 100) }
    case 'bandwidth': return { ...time, name, victim, bytesPerSecond: 2000 * 2 ** choose(8) }
    case 'disk': return { ...time, name }
  }
}

const nodeText = (victim: Victim): string => (victim === 'leader' ? 'the leader' : `node ${victim + 1}`)

export function faultText(fault: Fault): string {
  switch (fault.name) {
    case 'kill': return `kill -9 ${fault.victims.map(nodeText).join(' and ')}`
    case 'pause': return `SIGSTOP ${nodeText(fault.victim)}`
    case 'isolate': return `cut ${nodeText(fault.victim)} off (${fault.manner})`
    case 'halves': return `cut ${fault.side.map((node) => node + 1).join(', ')} from the others (${fault.manner})`
    case 'pair': return `cut ${fault.a + 1} and ${fault.b + 1} from each other alone (${fault.manner})`
    case 'one-way': return `cut all bytes ${fault.direction} ${nodeText(fault.victim)}`
    case 'delay': return `delay ${nodeText(fault.victim)} by ${fault.delayMs} ms each way`
    case 'bandwidth': return `${nodeText(fault.victim)} sends ${fault.bytesPerSecond} bytes/s`
    case 'disk': return 'fill the disk of the last node'
  }
}
