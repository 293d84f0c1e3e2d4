import { checkRelease } from '../../contracts/anonymization/kernel/index.ts'
import { makeOverlapPart, overlapFiguresOf } from '../../contracts/anonymization/overlap-part.ts'
import type { OverlapFigures } from '../../primitives/calls/index.ts'
import { bytes32 } from '../helpers/contract-world.ts'
import { Scene, TERMS } from '../helpers/dataset-scene.ts'
import { definitionOf, population, released } from './population.ts'
import type { Attacked } from './population.ts'

/** What an attack gains against the plain thing and against ours, in its own unit, and what ours said. */
export interface AttackReport { readonly name: string; readonly unit: string; readonly plain: number; readonly ours: number; readonly bound?: number; readonly refusal?: string; readonly notes: string }

const K = 5
const PEOPLE = 600
const exposedBy = (certain: readonly (string | undefined)[], people: readonly (readonly string[])[]): number => certain.filter((guess, i) => guess !== undefined && guess === people[i]![2]).length
const only = (values: Iterable<string>): string | undefined => {
  const set = new Set(values)
  return set.size === 1 ? [...set][0] : undefined
}

/** Machanavajjhala et al., ICDE 2006: everybody in the class has the disease. */
export function homogeneity(): AttackReport {
  const people = population(PEOPLE)
  const certain = ({ classOf, valuesOf }: Attacked): (string | undefined)[] => [...classOf].map((index) => (index < 0 ? undefined : only(valuesOf(index))))
  const plain = released(people, definitionOf({ k: K }))
  const diverse = definitionOf({ k: K, diversity: [{ attribute: 'disease', kind: 'distinct', l: '3' }] })
  const refusal = checkRelease(plain.release, diverse).findings[0]?.code
  return { name: 'homogeneity', unit: 'persons exposed', plain: exposedBy(certain(plain), people), ours: exposedBy(certain(released(people, diverse)), people), notes: `k = ${K}; ours with 3 distinct values`, ...(refusal !== undefined && { refusal }) }
}

/** Li, Li, Venkatasubramanian, ICDE 2007: the class is far from the whole. Gain = most that a person's chance of a disease rises above its share in the table; in thousandths. */
export function skewness(): AttackReport {
  const people = population(PEOPLE)
  const bound = 350
  const share = (values: readonly string[], value: string): number => values.filter((each) => each === value).length / values.length
  const all = people.map((row) => row[2]!)
  const gain = ({ release, valuesOf }: Attacked): number => Math.max(...[...release.classSizes.keys()].flatMap((index) => [...new Set(all)].map((value) => Math.floor(1000 * (share(valuesOf(index), value) - share(all, value))))))
  const plain = released(people, definitionOf({ k: K, diversity: [{ attribute: 'disease', kind: 'distinct', l: '2' }], closeness: [{ attribute: 'disease', distance: 'equal', t: '1' }] }))
  const close = definitionOf({ k: K, closeness: [{ attribute: 'disease', distance: 'equal', t: '0.35' }] })
  const refusal = checkRelease(plain.release, close).findings[0]?.code
  return { name: 'skewness', unit: 'thousandths of gain', plain: gain(plain), ours: gain(released(people, close)), bound, notes: 'plain with 2 distinct values; ours with t = 0.35', ...(refusal !== undefined && { refusal }) }
}

/** Claims `later` beside an accepted `earlier` on a fresh chain with no budget to pay; the code that the contract gives, and whether anybody could attest it. */
function contractSays(earlier: Attacked, later: Attacked, accounts: readonly (number | undefined)[]): string {
  const scene = new Scene(4, { ...TERMS, k: K, budget: 0, contributorsMin: 1, suppressionPpm: 1_000_000 })
  const claim = ({ release }: Attacked, label: string): Uint8Array => {
    const { id } = scene.request()
    scene.select(1, id, PEOPLE)
    const { smallestClass, classCount } = release.metrics
    return scene.release(id, { rows: release.rowCount, classes: classCount, smallestClass, suppressed: release.suppressedCount, prosecutorPpm: Math.ceil(1_000_000 / smallestClass) }, { release: bytes32(label) }).id
  }
  const first = claim(earlier, 'earlier')
  for (const member of [1, 2, 3]) scene.attest(member, first)
  const second = claim(later, 'later')
  const placed = ({ classOf }: Attacked, ids: readonly (number | undefined)[]) => [...classOf].map((classIndex, i) => ({ account: bytes32(`person ${ids[i] ?? i}`), classIndex }))
  const part = makeOverlapPart({ salt: bytes32('salt'), release: second, earlier: first, member: 1 }, placed(earlier, []), placed(later, accounts))
  const figures: OverlapFigures = overlapFiguresOf([part], { classSizes: [...earlier.release.classSizes] }, { classSizes: [...later.release.classSizes] })
  const { code } = scene.compare(second, [{ position: 0, figures }], { parts: [1] })
  const attested = scene.attest(2, second).code
  if (attested !== 'OVERLAP_UNDECLARED' && code !== 'OK') throw new Error(`attested with ${attested}`)
  return code
}

/** Ganta, Kasiviswanathan, Smith, KDD 2008: two releases of the same people, each harmless; what both classes have in common names the disease. */
export function composition(): AttackReport {
  const people = population(PEOPLE)
  const diversity = [{ attribute: 'disease', kind: 'distinct' as const, l: '2' }]
  const first = released(people, definitionOf({ k: K, diversity }))
  const second = released(people, definitionOf({ k: K, diversity, suppressionLimit: '0.1' }, { algorithm: { name: 'full-domain' }, widths: [3, 6, 12, 24, 48] }))
  const certain = people.map((_, i) => {
    const [a, b] = [first, second].map(({ classOf, valuesOf }) => (classOf[i]! < 0 ? undefined : new Set(valuesOf(classOf[i]!))))
    return a === undefined || b === undefined ? undefined : only([...a].filter((value) => b.has(value)))
  })
  const refusal = contractSays(first, second, [])
  const alone = people.map((_, i) => only(first.valuesOf(first.classOf[i]!)))
  return { name: 'composition', unit: 'persons exposed', plain: exposedBy(certain, people), ours: exposedBy(alone, people), refusal, notes: 'two recodings, k = 5 and 2 distinct values each; ours: the second is refused, one release is left' }
}

/** One person withdraws; what a class lost between the releases is what that person has. */
export function differencing(): AttackReport {
  const people = population(PEOPLE)
  const definition = definitionOf({ k: K, diversity: [{ attribute: 'disease', kind: 'distinct', l: '2' }] }, { algorithm: { name: 'full-domain' } })
  const first = released(people, definition)
  let plain = 0
  let refusal = ''
  let tried = 0
  for (const leaver of [3, 57, 111, 222, 333, 444, 501, 555, 590, 599]) {
    const second = released(people.filter((_, i) => i !== leaver), definition)
    const [before, after] = [first.valuesOf(first.classOf[leaver]!), sameClass(first, second, first.classOf[leaver]!)]
    tried++
    const lost = after === undefined ? [] : subtract(before, after)
    if (lost.length === 1 && lost[0] === people[leaver]![2]) plain++
    const code = contractSays(first, second, people.flatMap((_, i) => (i === leaver ? [] : [i])))
    if (refusal === '' || code === 'OK') refusal = code
  }
  return { name: 'differencing of releases', unit: `leavers exposed of ${tried}`, plain, ours: refusal === 'OK' ? plain : 0, refusal, notes: 'one person withdraws between two releases by one code book; ours: the second is refused without budget' }
}

/** The class of the later release with the same generalised values. */
function sameClass(first: Attacked, second: Attacked, index: number): string[] | undefined {
  const text = ({ release: { quasi } }: Attacked, at: number): string => quasi.map(({ values, codes }) => JSON.stringify(values[codes[at]!])).join()
  const found = [...second.release.classSizes.keys()].find((at) => text(second, at) === text(first, index))
  return found === undefined ? undefined : second.valuesOf(found)
}

function subtract(before: readonly string[], after: readonly string[]): string[] {
  const left = [...before]
  for (const value of after) {
    const at = left.indexOf(value)
    if (at >= 0) left.splice(at, 1)
  }
  return left
}
