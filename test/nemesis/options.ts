import { parseArgs } from 'node:util'
import { FAULTS } from './schedule.ts'
import type { FaultName } from './schedule.ts'

export const USAGE = `npm run nemesis -- [--minutes M] [--nodes N] [--seed S] [--faults A,B] [--clients C] [--out DIR] [--json]

Real node processes on this machine, each connection between two of them through a proxy of its own, used by clients while faults are done
to them; then everything is healed, and the run is judged: histories linearizable, nothing acknowledged lost, nothing applied twice, every
ledger sound and equal, and all of it again at work within a minute.

  --minutes M   minutes of faults (1 unless told; fractions are fine)
  --nodes N     3 to 7 (4 unless told)
  --seed S      fixes what is done when and what clients ask for, not what the machine makes of it (drawn unless told)
  --faults A,B  some of ${FAULTS.join(', ')} (all unless told)
  --clients C   16 unless told
  --out DIR     where history, logs and ledgers lie afterwards; else they are removed unless something is wrong
  --json        the report as one JSON document on standard output

Exit code: 0 when nothing is wrong, 1 for a violation, 3 when a history could not be decided, 2 for wrong use, 130 for Ctrl-C (nothing is left running).

Examples:
  npm run nemesis -- --minutes 5
  npm run nemesis -- --minutes 1 --nodes 5 --faults kill,isolate,one-way --seed 7`

export interface Options { readonly minutes: number; readonly nodes: number; readonly seed: number; readonly faults: readonly FaultName[]; readonly clients: number; readonly out: string | undefined; readonly json: boolean }

/** Reads the command line. Throws `TypeError` or `RangeError` that names the flag. */
export function readOptions(args: readonly string[], drawSeed: () => number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: 'string' }, nodes: { type: 'string' }, seed: { type: 'string' }, faults: { type: 'string' }, clients: { type: 'string' }, out: { type: 'string' }, json: { type: 'boolean', default: false } },
  })
  const faults = values.faults?.split(',').map((name) => {
    const known = FAULTS.find((fault) => fault === name.trim())
    if (known === undefined) throw new RangeError(`--faults ${name}: must be some of ${FAULTS.join(', ')}`)
    return known
  })
  return {
    minutes: numberOf('minutes', values.minutes ?? '1', 0.05, 24 * 60), nodes: whole('nodes', values.nodes ?? '4', 3, 7), clients: whole('clients', values.clients ?? '16', 1, 64),
    seed: values.seed === undefined ? drawSeed() : whole('seed', values.seed, 0, 0xffff_ffff), faults: FAULTS.filter((name) => faults?.includes(name) ?? true), out: values.out, json: values.json,
  }
}

/** The line that does the same again. */
export function sameAgain({ minutes, nodes, seed, faults, clients }: Options): string {
  return `npm run nemesis -- --minutes ${minutes} --nodes ${nodes} --seed ${seed} --clients ${clients}${faults.length === FAULTS.length ? '' : ` --faults ${faults.join(',')}`}`
}

function numberOf(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!(value >= min && value <= max)) throw new RangeError(`--${flag} ${text}: must be a number from ${min} to ${max}`)
  return value
}

function whole(flag: string, text: string, min: number, max: number): number {
  const value = numberOf(flag, text, min, max)
  if (!Number.isInteger(value)) throw new RangeError(`--${flag} ${text}: must be a whole number`)
  return value
}
