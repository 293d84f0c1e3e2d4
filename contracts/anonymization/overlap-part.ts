import { compareBytes, equalBytes, toHex } from '../../primitives/bytes.ts'
import type { OverlapFigures, SelectedPerson } from '../../primitives/calls/anonymization.ts'
import { array, decode, encode, fixedBytes, struct, u32 } from '../../primitives/codec.ts'
import type { Infer } from '../../primitives/codec.ts'
import { hash } from '../../primitives/hash.ts'
import { memberId, transactionId } from '../../primitives/ids.ts'
import { overlapOf } from './kernel/index.ts'
import { DOCUMENT_LIMITS } from './release-format.ts'

/** Class numbers of a part beyond the classes there are: selected, but left out of the release; not selected at all. */
export const LEFT_OUT = 0xffff_fffe
export const NOT_SELECTED = 0xffff_ffff

const cell = struct({ earlier: u32, later: u32, persons: u32 })
/**
 * How one contributor's persons lie in two releases: numbers of persons by class in both, strictly ascending, none zero. It names nobody; members get it besides the documents, because
 * only the contributor knows which of its rows is whose. The salt keeps its hash on the ledger from being guessed.
 */
export const overlapPartSchema = struct({ salt: fixedBytes(32), release: transactionId, earlier: transactionId, member: memberId, cells: array(cell, { max: DOCUMENT_LIMITS.rowsMax }) })
export type OverlapPart = Infer<typeof overlapPartSchema>
type Cell = Infer<typeof cell>

/** A person of one contributor and the class its row is in; −1: left out. */
export interface PlacedPerson { readonly account: Uint8Array; readonly classIndex: number }

/** A contributor's own part. */
export function makeOverlapPart(about: Omit<OverlapPart, 'cells'>, earlier: readonly PlacedPerson[], later: readonly PlacedPerson[]): OverlapPart {
  const places = new Map<string, { earlier: number; later: number }>()
  const place = ({ classIndex }: PlacedPerson): number => (classIndex < 0 ? LEFT_OUT : classIndex)
  for (const person of earlier) places.set(toHex(person.account), { earlier: place(person), later: NOT_SELECTED })
  for (const person of later) places.set(toHex(person.account), { earlier: places.get(toHex(person.account))?.earlier ?? NOT_SELECTED, later: place(person) })
  return { ...about, cells: addUp([...places.values()].map((each) => ({ ...each, persons: 1 }))) }
}

const isBefore = (a: Cell, b: Cell): boolean => a.earlier < b.earlier || (a.earlier === b.earlier && a.later < b.later)

function addUp(cells: readonly Cell[]): Cell[] {
  const sums = new Map<string, Cell>()
  for (const each of cells) {
    const key = `${each.earlier}/${each.later}`
    sums.set(key, { ...each, persons: each.persons + (sums.get(key)?.persons ?? 0) })
  }
  return [...sums.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1))
}

export function overlapPartHash(part: OverlapPart): Uint8Array {
  return hash('overlap-part', encode(overlapPartSchema, part))
}

/** Throws `CODEC_*`. */
export function readOverlapPart(bytes: Uint8Array): OverlapPart {
  return decode(overlapPartSchema, bytes, { maxBytes: DOCUMENT_LIMITS.bytesMax })
}

/** What a checker knows of a release from its document. */
export interface KnownRelease { readonly classSizes: readonly number[]; readonly contributors: readonly number[]; readonly persons: (member: number) => readonly SelectedPerson[] }

/** The first rule that a part breaks beside the documents of both releases; undefined when it may be true. Which person stands where, only the contributor knows. */
export function overlapPartFault({ member, cells }: OverlapPart, earlier: KnownRelease, later: KnownRelease): string | undefined {
  if (cells.some((each, i) => each.persons < 1 || (i > 0 && !isBefore(cells[i - 1]!, each)))) return 'cells of an overlap ascend and hold persons'
  const isIn = (index: number, { classSizes }: KnownRelease): boolean => index < classSizes.length || index >= LEFT_OUT
  if (cells.some((each) => !isIn(each.earlier, earlier) || !isIn(each.later, later))) return 'classes of an overlap are those of the releases'
  const count = (which: (each: Cell) => boolean): number => cells.reduce((sum, each) => sum + (which(each) ? each.persons : 0), 0)
  const [before, after] = [earlier.persons(member), later.persons(member)]
  const selected = (side: 'earlier' | 'later') => (each: Cell): boolean => each[side] !== NOT_SELECTED
  if (count(selected('earlier')) !== before.length || count(selected('later')) !== after.length) return 'an overlap places every selected person'
  const known = new Set(before.map(({ account }) => toHex(account)))
  const common = after.filter(({ account }) => known.has(toHex(account))).length
  return count((each) => selected('earlier')(each) && selected('later')(each)) === common ? undefined : 'as many persons are in both as the selections name'
}

/** The rule that parts break together; undefined when they fill no class beyond its size, and every class whose persons all come from them exactly. */
export function overlapPartsFault(parts: readonly OverlapPart[], earlier: KnownRelease, later: KnownRelease): string | undefined {
  const members = new Set(parts.map(({ member }) => member))
  for (const [side, { classSizes, contributors }] of [['earlier', earlier], ['later', later]] as const) {
    const filled = new Float64Array(classSizes.length)
    for (const { cells } of parts) for (const each of cells) if (each[side] < LEFT_OUT) filled[each[side]]! += each.persons
    const isWhole = contributors.every((member) => members.has(member))
    if (filled.some((persons, index) => (isWhole ? persons !== classSizes[index]! : persons > classSizes[index]!))) return 'the parts fill the classes of both releases'
  }
  return undefined
}

/** What the parts of all contributors to both releases say together. Persons of other contributors left or joined. */
export function overlapFiguresOf(parts: readonly OverlapPart[], earlier: Pick<KnownRelease, 'classSizes'>, later: Pick<KnownRelease, 'classSizes'>): OverlapFigures {
  const both = addUp(parts.flatMap(({ cells }) => cells.filter((each) => each.earlier < LEFT_OUT && each.later < LEFT_OUT)))
  const rest = (side: 'earlier' | 'later', sizes: readonly number[]): number[] => {
    const left = [...sizes]
    for (const each of both) left[each[side]]! -= each.persons
    return left
  }
  const lists = { earlier: [] as number[], later: [] as number[] }
  const add = (before: number, after: number, persons: number): void => {
    for (let i = 0; i < persons; i++) {
      lists.earlier.push(before)
      lists.later.push(after)
    }
  }
  for (const each of both) add(each.earlier, each.later, each.persons)
  rest('earlier', earlier.classSizes).forEach((persons, index) => add(index, -1, persons))
  rest('later', later.classSizes).forEach((persons, index) => add(-1, index, persons))
  const { common, refines, smallestIntersection = 0, smallestLeft = 0, smallestJoined = 0 } = overlapOf({ earlier: Int32Array.from(lists.earlier), later: Int32Array.from(lists.later) })
  return common === 0 ? { common, smallestIntersection: 0, smallestLeft: 0, smallestJoined: 0, refines: true } : { common, smallestIntersection, smallestLeft, smallestJoined, refines }
}

/** Parts by member; undefined when one is missing, doubled, or not about these releases. */
export function partsOf(parts: readonly OverlapPart[], about: Pick<OverlapPart, 'release' | 'earlier'>, members: readonly number[]): readonly OverlapPart[] | undefined {
  const fitting = parts.filter(({ release, earlier }) => equalBytes(release, about.release) && equalBytes(earlier, about.earlier)).sort((a, b) => a.member - b.member || compareBytes(a.salt, b.salt))
  return fitting.map(({ member }) => member).join() === members.join() ? fitting : undefined
}
