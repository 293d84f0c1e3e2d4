import { concatBytes, u32Bytes, utf8Bytes } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import { hash } from '../../primitives/hash.ts'
import { seededBytes, uniformFromBytes } from '../../privacy/dp/uniform.ts'
import type { Uniform } from '../../privacy/dp/uniform.ts'
import { POINT_BYTES } from '../../privacy/linkage/group.ts'
import type { GroupPoint } from '../../privacy/linkage/group.ts'
import { checkLinkageKey, makeLinkageKey } from '../../privacy/linkage/keys.ts'
import { countLinked, mix, readSealed, SEALED_BYTES, sealNames } from '../../privacy/linkage/mix.ts'
import { addedElements, drawDummies } from '../../privacy/linkage/noise.ts'
import type { JointLine } from './joint-line.ts'
import { LinkedVoice } from './linked-voice.ts'
import type { LinkedMessage } from './linked-voice.ts'

export interface LinkedRun {
  readonly line: JointLine<LinkedMessage>
  /** All sites, ascending; this one among them. They take their turns in this order. */
  readonly sites: readonly number[]
  /** 32 bytes that all sites share and no other run has. */
  readonly context: Uint8Array
  /** Length of every site's list of persons: as long as the longest may be, so that lengths tell nothing. */
  readonly size: number
  /** Millionths of ε. */
  readonly epsilon: number
  readonly names: readonly string[]
  /** 32 secret bytes from which all chance of this run is drawn: who was cut off says the same again, and goes on. */
  readonly seed: Uint8Array
  /** How long another site may be silent, ms. */
  readonly waitMs: number
  readonly onStage?: (stage: string) => void
}
/** A list, and the member that said it. */
interface Said { readonly site: number; readonly list: Uint8Array }

/**
 * Counts with the other sites how many persons are held by one, two, … of them. The counts carry the noise of all sites already, as dummies: `noiseBound` for each site and count stands for none.
 * Three kinds of stage: keys, with proofs; persons, encrypted under all of them; and each site's turn (`mix`). Throws `JOINT_SILENT`, `JOINT_FORGED`, `JOINT_DIVERGED`, `LINKAGE_*` naming the member.
 */
export async function runLinked(run: LinkedRun): Promise<number[]> {
  const { line, sites, size, epsilon, context, names, onStage } = run
  const voice = new LinkedVoice(line, hash('linkage', context, u32Bytes(size), u32Bytes(epsilon), ...sites.map(u32Bytes)), run.waitMs)
  const { secret, keys } = await exchangeKeys(run, voice)
  onStage?.('entering persons')
  const own = await voice.tell(sealNames(names, size, { context, key: sum(keys)!, uniform: chance(run, voice.before, 'persons') }))
  let lists: Said[] = []
  for (const site of sites) lists.push({ site, list: site === voice.member ? own : await voice.hearList(site, size * SEALED_BYTES) })
  voice.follow(...lists.map(({ list }) => list))
  const added = addedElements(sites.length, epsilon)
  for (const [turn, site] of sites.entries()) {
    onStage?.(`turn ${turn + 1} of ${sites.length}, member ${site}`)
    const rest = sum(keys.slice(turn + 1))
    const bytes = (sites.length * size + (turn + 1) * added) * (rest === undefined ? POINT_BYTES : SEALED_BYTES)
    const list = site === voice.member ? await takeTurn(run, voice, lists, { secret, rest, added }) : await voice.hearList(site, bytes)
    voice.follow(list)
    lists = [{ site, list }]
  }
  const counts = blaming(lists[0]!.site, () => countLinked(lists[0]!.list, sites.length))
  await voice.say({ kind: 'done', value: { before: voice.before } })
  for (const site of sites) if (site !== voice.member) await voice.hear(site, 'done')
  return counts
}

/** Every site's key, proven. Persons are encrypted under the sum of all. */
async function exchangeKeys(run: LinkedRun, voice: LinkedVoice): Promise<{ readonly secret: bigint; readonly keys: readonly GroupPoint[] }> {
  const contextOf = (site: number): Uint8Array => concatBytes(voice.before, u32Bytes(site))
  const { secret, key, proof } = makeLinkageKey(contextOf(voice.member), chance(run, voice.before, 'key'))
  await voice.say({ kind: 'key', value: { before: voice.before, key, proof } })
  const [keys, said]: [GroupPoint[], Uint8Array[]] = [[], []]
  for (const site of run.sites) {
    const value = site === voice.member ? { key, proof } : await voice.hear(site, 'key')
    keys.push(blaming(site, () => checkLinkageKey(contextOf(site), value)))
    said.push(value.key)
  }
  voice.follow(...said)
  return { secret, keys }
}

async function takeTurn(run: LinkedRun, voice: LinkedVoice, lists: readonly Said[], { secret, rest, added }: { readonly secret: bigint; readonly rest: GroupPoint | undefined; readonly added: number }): Promise<Uint8Array> {
  const known = new Set<string>()
  const sealed = lists.flatMap(({ site, list }) => blaming(site, () => readSealed(list, known)))
  const dummies = drawDummies(run.sites.length, run.epsilon, chance(run, run.context, 'noise'))
  const mixed = mix(sealed, { secret, rest, dummies, added, uniform: chance(run, voice.before, 'turn') })
  // The last encrypts no more: in the order of their bytes the points say nothing either.
  return voice.tell(rest === undefined ? [...mixed].sort(Buffer.compare) : mixed)
}

/** Chance for one purpose. All but the noise depends on what was heard, so that the same exponents never meet other points; the noise must stay what it was. */
function chance({ seed }: LinkedRun, heard: Uint8Array, purpose: 'key' | 'persons' | 'noise' | 'turn'): Uniform {
  return uniformFromBytes(seededBytes(hash('linkage', seed, heard, utf8Bytes(purpose))).bytes)
}

function blaming<T>(member: number, task: () => T): T {
  try {
    return task()
  } catch (error) {
    throw error instanceof SteleError ? new SteleError({ code: error.code, message: error.message, details: { ...error.details, member }, cause: error }) : error
  }
}

const sum = (points: readonly GroupPoint[]): GroupPoint | undefined => points.reduce<GroupPoint | undefined>((total, point) => total?.add(point) ?? point, undefined)
