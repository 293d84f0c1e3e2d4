import { parseArgs } from 'node:util'
import { PROFILES } from './faults.ts'
import type { Profile } from './faults.ts'

/** What `npm run sim` and `npm run sim:swarm` take. */
export interface SimArguments {
  readonly seed: number
  readonly ticks: number
  readonly profile: Profile
  readonly keep: readonly number[] | undefined
  readonly bug: string | undefined
  readonly minutes: number
  readonly jobs: number
  readonly fromSeed: number
  readonly seeds: number | undefined
  readonly json: boolean
  /** Do not stop a hunt at the first find: say how often the bug is found. */
  readonly rate: boolean
  readonly help: boolean
}

export const DEFAULT_TICKS = 200

/** Throws an error with one sentence on anything that cannot be read. */
export function readArguments(args: readonly string[]): SimArguments {
  const { values } = parseArgs({
    args: [...args], strict: true,
    options: {
      seed: { type: 'string' }, ticks: { type: 'string' }, profile: { type: 'string' }, keep: { type: 'string' }, bug: { type: 'string' }, minutes: { type: 'string' }, jobs: { type: 'string' },
      'from-seed': { type: 'string' }, seeds: { type: 'string' }, json: { type: 'boolean' }, rate: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
    },
  })
  const profile = PROFILES.find((name) => name === (values.profile ?? 'swarm'))
  if (profile === undefined) throw new Error(`--profile is one of ${PROFILES.join(', ')}`)
  return {
    seed: whole('seed', values.seed, 1), ticks: whole('ticks', values.ticks, DEFAULT_TICKS), profile, bug: values.bug,
    keep: values.keep === undefined ? undefined : values.keep.split(',').filter((part) => part !== '').map((part) => whole('keep', part, 0)),
    minutes: positive('minutes', values.minutes, 1), jobs: whole('jobs', values.jobs, 1), fromSeed: whole('from-seed', values['from-seed'], 1),
    seeds: values.seeds === undefined ? undefined : whole('seeds', values.seeds, 0), json: values.json ?? false, rate: values.rate ?? false, help: values.help ?? false,
  }
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} is a whole number, not ${text}`)
  return value
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!(value > 0)) throw new Error(`--${name} is a positive number, not ${text}`)
  return value
}
