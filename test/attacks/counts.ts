import { noisyCells } from '../../contracts/anonymization/aggregate-share.ts'
import { u32Bytes } from '../../primitives/bytes.ts'
import type { AggregateQuery } from '../../primitives/calls/aggregate-query.ts'
import { seededBytes, uniformFromBytes } from '../../privacy/dp/uniform.ts'
import { hash } from '../../primitives/hash.ts'
import { anonymizationEvents } from '../../primitives/calls/index.ts'
import { decode } from '../../primitives/codec.ts'
import { bytes32 } from '../helpers/contract-world.ts'
import { DATASET, Scene, TERMS } from '../helpers/dataset-scene.ts'
import { COLUMNS, definitionOf, population } from './population.ts'
import type { AttackReport } from './tables.ts'

/** Games: an attacker guesses one bit of one person; thousandths of games won. */
export const GAMES = 1_000
const QUERY: AggregateQuery = { by: [{ kind: 'values', value: { column: 'disease', level: 0, values: ['hiv'] } }], where: [], measure: null, sharedBy: null, linkedBy: null }
const DEFINITION = definitionOf({ k: 5 })
const perMille = (won: number): number => Math.round((1000 * won) / GAMES)
/** Four standard deviations of a share of `GAMES` games, in thousandths: a true chance at the bound exceeds it once in 30,000 runs. The seeds are fixed besides. */
export const margin = (chance: number): number => Math.ceil(1000 * 4 * Math.sqrt((chance * (1 - chance)) / GAMES))
/** No guess of one person's bit is right more often than this against ε-differential privacy, when either bit is as likely. */
export const dpBound = (epsilon: number): number => Math.exp(epsilon) / (1 + Math.exp(epsilon))

const uniformOf = (label: string, n: number) => uniformFromBytes(seededBytes(hash('aggregate', bytes32(label), u32Bytes(n))).bytes)
const site = (size: number, hasIt: boolean, seed: number): string[][] => [...population(size - 1, seed), ['40', 'f', hasIt ? 'hiv' : 'flu']]
const trueCount = (rows: readonly (readonly string[])[]): number => rows.filter((row) => row[2] === 'hiv').length
const noisy = (rows: readonly (readonly string[])[], epsilon: number, uniform: ReturnType<typeof uniformOf>): number =>
  Number(noisyCells(QUERY, DEFINITION, { columns: COLUMNS, rows }, { answer: bytes32('answer'), mechanism: 'laplace', epsilon: Math.round(epsilon * 1e6) }, uniform)[0]!)

/** Plays `GAMES` games: `guess` sees what an attacker sees of one whose bit is `bit`. */
function play(guess: (bit: boolean, game: number) => boolean): number {
  let won = 0
  for (let game = 0; game < GAMES; game++) {
    const bit = game % 2 === 0
    if (guess(bit, game) === bit) won++
  }
  return perMille(won)
}

const OTHERS = population(99, 11)
const BASE = trueCount(OTHERS)

/** The count of a cohort with the target, less the count without: exact counts tell; noise under one budget does not. */
export function differencingCounts(): AttackReport {
  const epsilon = 1
  const whole = (bit: boolean): string[][] => [...OTHERS, ['40', 'f', bit ? 'hiv' : 'flu']]
  const plain = play((bit) => trueCount(whole(bit)) - BASE >= 1)
  const ours = play((bit, game) => {
    const uniform = uniformOf('differencing', game)
    // Half of the budget for each of the two questions.
    return 2 * (noisy(whole(bit), epsilon / 2, uniform) - noisy(OTHERS, epsilon / 2, uniform)) >= 1
  })
  return { name: 'differencing of counts', unit: '‰ of guesses right', plain, ours, bound: Math.ceil(1000 * dpBound(epsilon)) + margin(dpBound(epsilon)), notes: `two counts, budget ε = ${epsilon}` }
}

/** Three sites, one with a single patient: the other two subtract what they put in. */
export function tinySite(): AttackReport {
  const epsilon = 1
  const [a, b] = [population(60, 3), population(60, 5)]
  const plain = play((bit) => trueCount(a) + trueCount(b) + (bit ? 1 : 0) - trueCount(a) - trueCount(b) >= 1)
  const ours = play((bit, game) => {
    const uniform = uniformOf('tiny', game)
    const [fromA, fromB] = [noisy(a, epsilon, uniform), noisy(b, epsilon, uniform)]
    const total = fromA + fromB + noisy([['40', 'f', bit ? 'hiv' : 'flu']], epsilon, uniform)
    return 2 * (total - fromA - fromB) >= 1
  })
  const scene = new Scene()
  const refusal = scene.world.call(scene.world.institution(3), 'anonymization', 'contribute', { dataset: DATASET, version: 1, persons: 1, original: bytes32('one row') }).code
  return { name: 'tiny site', unit: '‰ of guesses right', plain, ours, bound: Math.ceil(1000 * dpBound(epsilon)) + margin(dpBound(epsilon)), refusal, notes: `two colluding sites subtract their own counts and noise, ε = ${epsilon}; the contract does not even let the site in` }
}

/** Asks again and again and takes the mean. Without budget every answer has fresh noise; ours is one answer, and other questions end with the budget. */
export function averaging(): AttackReport {
  const [epsilon, budget, asks] = [0.4, 1, 400]
  const rows = (bit: boolean): string[][] => site(100, bit, 11)
  const guess = (answers: readonly number[]): boolean => 2 * answers.reduce((sum, each) => sum + each, 0) >= answers.length * (2 * BASE + 1)
  const few = 50
  let won = 0
  for (let game = 0; game < few; game++) {
    const uniform = uniformOf('averaging plain', game)
    const bit = game % 2 === 0
    const table = rows(bit)
    const count = trueCount(table)
    if (guess(Array.from({ length: asks }, () => count + noisy([], epsilon, uniform))) === bit) won++
  }
  // What the contract lets through: the same question over and over, then the same under other names of its ε until nothing is left.
  const scene = new Scene(4, { ...TERMS, budget: budget * 1_000_000 })
  for (const member of [1, 2, 3]) scene.world.call(scene.world.institution(member), 'anonymization', 'contribute', { dataset: DATASET, version: 1, persons: 100, original: bytes32('rows') })
  const granted = new Map<string, number>()
  let refusal = ''
  for (let ask = 0; ask < asks + 100 && refusal === ''; ask++) {
    const millionths = epsilon * 1_000_000 + Math.max(0, ask - asks)
    const { code, events } = scene.world.call(scene.researcher, 'anonymization', 'spend', { dataset: DATASET, version: 1, purpose: 'HRESCH', query: bytes32('question'), mechanism: 'laplace', epsilon: millionths })
    if (code !== 'OK') refusal = code
    else granted.set(Buffer.from(decode(anonymizationEvents.spent, events[0]!.data).answer).toString('hex'), millionths)
  }
  const ours = play((bit, game) => {
    const uniform = uniformOf('averaging', game)
    return guess([...granted.values()].map((millionths) => noisy(rows(bit), millionths / 1_000_000, uniform)))
  })
  return { name: 'averaging', unit: '‰ of guesses right', plain: Math.round((1000 * won) / few), ours, bound: Math.ceil(1000 * dpBound(budget)) + margin(dpBound(budget)), refusal, notes: `${asks} times the same question at ε = ${epsilon}, budget ${budget}: ${granted.size} different answers in all` }
}
