import { concatBytes, toHex } from '../../primitives/bytes.ts'
import { SteleError } from '../../primitives/error.ts'
import type { Uniform } from '../dp/uniform.ts'
import { hashToPoint, ORDER, Point, POINT_BYTES, randomScalar, readPoint, timesBase } from './group.ts'
import type { GroupPoint } from './group.ts'

/**
 * Counts how many persons are held by one, two, … sites, so that nobody learns whose: every site encrypts its persons under the sum of all keys, and then each in turn takes its key off, blinds every
 * point with one secret exponent, encrypts anew, adds dummies and shuffles. After the last, equal persons are equal points and nothing else is left of them.
 * Sources: commutative blinding as Meadows, IEEE S&P 1986; counting a union by a cascade of ElGamal re-encryptions that blind, with noise put in as dummies: Fenske, Mani, Johnson, Sherr, "Distributed
 * Measurement with Private Set-Union Cardinality", CCS 2017 (theirs adds proofs of correct shuffling; this does not).
 */

/** An ElGamal ciphertext: r·G and plain + r·Y. 64 bytes on the wire. */
export interface Sealed { readonly a: GroupPoint; readonly b: GroupPoint }
export const SEALED_BYTES = 2 * POINT_BYTES
/** Elements of the longest list of one run: some four milliseconds of each site for every one, and at most seventy messages. */
export const LINKAGE_ELEMENTS_MAX = 50_000

const seal = (plain: GroupPoint | undefined, key: GroupPoint | undefined, uniform: Uniform): readonly [GroupPoint, GroupPoint] => {
  const r = randomScalar(uniform)
  const hidden = key === undefined ? Point.ZERO : key.multiply(r)
  return [timesBase(r), plain === undefined ? hidden : plain.add(hidden)]
}
const wire = ([a, b]: readonly [GroupPoint, GroupPoint]): Uint8Array => concatBytes(a.toBytes(), b.toBytes())

/** Fisher–Yates: every order is as likely. */
function shuffle<T>(list: T[], uniform: Uniform): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Number(uniform.below(BigInt(i + 1)))
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list
}

/** What to encrypt: a person's name, somebody who is held here alone (no name), or nothing, which fills a list up and is not counted. */
type Entry = { readonly kind: 'name'; readonly name: string } | { readonly kind: 'nobody' } | { readonly kind: 'filler' }

/**
 * A site's persons, each once, filled up to `size` and shuffled, under the sum of all keys: 64 bytes each. An empty name is a person whom nobody else can be known to hold.
 * `context`: 32 bytes of the run, so that points of two runs have nothing in common.
 */
export function* sealNames(names: readonly string[], size: number, { context, key, uniform }: { readonly context: Uint8Array; readonly key: GroupPoint; readonly uniform: Uniform }): Generator<Uint8Array, void> {
  const distinct = [...new Set(names.filter((name) => name !== ''))]
  const entries: Entry[] = [...distinct.map((name) => ({ kind: 'name' as const, name })), ...names.filter((name) => name === '').map(() => ({ kind: 'nobody' as const }))]
  if (entries.length > size) throw new SteleError({ code: 'LINKAGE_TOO_LARGE', message: 'more persons than fit into a list', details: { persons: entries.length, size } })
  while (entries.length < size) entries.push({ kind: 'filler' })
  key.precompute(8)
  for (const entry of shuffle(entries, uniform)) yield wire(seal(entry.kind === 'filler' ? undefined : entry.kind === 'name' ? hashToPoint(context, entry.name) : timesBase(randomScalar(uniform)), key, uniform))
}

/** Reads a list of ciphertexts. Throws `LINKAGE_POINT_INVALID`, `LINKAGE_POINT_TWICE` naming the place. */
export function readSealed(list: Uint8Array, known = new Set<string>()): Sealed[] {
  return Array.from({ length: list.length / SEALED_BYTES }, (_, i) => {
    const part = (half: number): Uint8Array => list.subarray(i * SEALED_BYTES + half * POINT_BYTES, i * SEALED_BYTES + (half + 1) * POINT_BYTES)
    const name = toHex(part(0))
    if (known.has(name)) throw new SteleError({ code: 'LINKAGE_POINT_TWICE', message: 'a ciphertext was copied: two have the same beginning', details: { at: i } })
    known.add(name)
    return { a: readPoint(part(0)), b: readPoint(part(1)) }
  })
}

export interface MixTerms {
  /** Of this site's key. */
  readonly secret: bigint
  /** Sum of the keys of the sites after this one; undefined for the last. */
  readonly rest: GroupPoint | undefined
  /** How many dummies stand for persons of one site, of two, …; the entry at m − 1 goes in m times over. */
  readonly dummies: readonly number[]
  /** How many elements are added in all: dummies, and fillers that are not counted. */
  readonly added: number
  readonly uniform: Uniform
}

/** One site's turn: 64 bytes for each element of the new list, in a new order; 32 for the last site, which encrypts no more. */
export function* mix(list: readonly Sealed[], { secret, rest, dummies, added, uniform }: MixTerms): Generator<Uint8Array, void> {
  const blind = randomScalar(uniform)
  // Dummies need no blinding: nobody knows their logarithms, and all that follow blind them alike.
  const extra = dummies.flatMap((count, at) => Array.from({ length: count }, () => timesBase(randomScalar(uniform))).flatMap((point) => new Array<GroupPoint>(at + 1).fill(point)))
  if (extra.length > added) throw new SteleError({ code: 'LINKAGE_TOO_LARGE', message: 'more dummies than are added', details: { dummies: extra.length, added } })
  const work: (Sealed | GroupPoint | undefined)[] = [...list, ...extra, ...new Array<undefined>(added - extra.length).fill(undefined)]
  rest?.precompute(8)
  const both = (blind * secret) % ORDER
  for (const each of shuffle(work, uniform)) {
    if (each === undefined || each instanceof Point) {
      yield rest === undefined ? (each ?? Point.ZERO).toBytes() : wire(seal(each, rest, uniform))
      continue
    }
    const opened = each.b.multiply(blind).subtract(each.a.multiply(both))
    if (rest === undefined) {
      yield opened.toBytes()
      continue
    }
    const [fresh, hidden] = seal(opened, rest, uniform)
    yield wire([each.a.multiply(blind).add(fresh), hidden])
  }
}

/**
 * How many points stand once, twice, … in the last list, for 1 to `sites`. The neutral element, a filler, is not counted. Throws `LINKAGE_POINT_INVALID`, and `LINKAGE_TAGGED` for a point that
 * stands more often than there are sites: somebody has entered a person several times.
 */
export function countLinked(list: Uint8Array, sites: number): number[] {
  const times = new Map<string, number>()
  for (let at = 0; at < list.length; at += POINT_BYTES) {
    const bytes = list.subarray(at, at + POINT_BYTES)
    if (bytes.every((byte) => byte === 0)) continue
    const name = toHex(bytes)
    if (!times.has(name)) readPoint(bytes)
    times.set(name, (times.get(name) ?? 0) + 1)
  }
  const counts = new Array<number>(sites).fill(0)
  for (const count of times.values()) {
    if (count > sites) throw new SteleError({ code: 'LINKAGE_TAGGED', message: 'a person stands there more often than there are sites', details: { times: count, sites } })
    counts[count - 1]!++
  }
  return counts
}
