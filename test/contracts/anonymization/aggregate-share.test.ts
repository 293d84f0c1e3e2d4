// Goal: shares of several sites add up to what all hold plus one whole noise of each, whatever the masks; a share alone tells nothing, small cells are not told, missing shares are noticed.
import t from 'tap'
import { randomBytes } from 'node:crypto'
import type { AggregateQuery } from '../../../primitives/calls/aggregate-query.ts'
import { combineShares, maskedShare, noisyCells } from '../../../contracts/anonymization/aggregate-share.ts'
import type { DatasetDefinition } from '../../../contracts/anonymization/kernel/index.ts'
import { sumShares } from '../../../privacy/dp/masks.ts'
import { seededBytes, uniformFromBytes } from '../../../privacy/dp/uniform.ts'
import { createSealKeyPair } from '../../../privacy/seal.ts'
import { bytes32 } from '../../helpers/contract-world.ts'

const DEFINITION: DatasetDefinition = { attributes: [{ name: 'disease', role: 'sensitive', type: 'categorical' }, { name: 'cost', role: 'insensitive', type: 'integer' }], policy: { k: 5 }, algorithm: { name: 'mondrian', mode: 'strict' } }
const QUERY: AggregateQuery = { by: [{ kind: 'values', value: { column: 'disease', level: 0, values: ['flu', 'hiv'] } }], where: [], measure: null, sharedBy: null, linkedBy: null }
const CHAIN = bytes32('chain')
const PAID = { answer: bytes32('answer'), mechanism: 'laplace', epsilon: 40_000_000 } as const
const SITES = [1, 2, 5]
const keys = new Map(SITES.map((member) => [member, createSealKeyPair({ bytes: (length) => new Uint8Array(randomBytes(length)) })]))
const others = SITES.map((member) => ({ member, publicKey: keys.get(member)!.publicKey }))
const rows = (flu: number, hiv: number): string[][] => [...Array.from({ length: flu }, () => ['flu', '3']), ...Array.from({ length: hiv }, () => ['hiv', '100'])]
const uniform = uniformFromBytes(seededBytes(bytes32('seed')).bytes)
const noisy = (table: string[][], query = QUERY, paid: { answer: Uint8Array; mechanism: 'laplace' | 'gaussian'; epsilon: number } = PAID): bigint[] => noisyCells(query, DEFINITION, { columns: ['disease', 'cost'], rows: table }, paid, uniform)
const shareOf = (member: number, cells: readonly bigint[], answer = PAID.answer) => maskedShare(cells, { answer }, { member, secretKey: keys.get(member)!.secretKey, others }, CHAIN)
const terms = { sites: SITES, answer: PAID.answer, smallest: 5 }

t.test('a missing, doubled, short or foreign share gives no answer', async (t) => {
  const [a, b, c] = SITES.map((member) => shareOf(member, [1n, 2n]))
  t.equal(combineShares(QUERY, DEFINITION, [a!, b!], terms), undefined)
  t.equal(combineShares(QUERY, DEFINITION, [a!, b!, b!], terms), undefined)
  t.equal(combineShares(QUERY, DEFINITION, [a!, b!, { ...c!, cells: [1n] }], terms), undefined)
  t.equal(combineShares(QUERY, DEFINITION, [a!, b!, shareOf(5, [1n, 2n], bytes32('other'))], terms), undefined)
  const rekeyed = maskedShare([1n, 2n], PAID, { member: 5, secretKey: keys.get(1)!.secretKey, others }, CHAIN)
  t.equal(combineShares(QUERY, DEFINITION, [a!, b!, rekeyed], terms), undefined, 'keys were changed between the shares')
})

t.test('masks cancel in the sum of all and in no other; the same answer is masked alike, another one differently', async (t) => {
  const cells = [[7n, 0n], [0n, -3n], [5n, 1n]] as const
  const shares = SITES.map((member, i) => shareOf(member, cells[i]!).cells)
  t.same(sumShares(shares), [12n, -2n])
  for (const share of shares) t.ok(share.every((cell) => cell > 1_000_000n), 'a share looks like chance')
  t.notSame(sumShares(shares.slice(1)), [5n, -2n])
  t.same(shareOf(1, cells[0]).cells, shares[0])
  t.notSame(shareOf(1, cells[0], bytes32('other')).cells, shares[0])
})

t.test('totals are told where the noisy count reaches the small-cell limit', async (t) => {
  const answer = combineShares(QUERY, DEFINITION, SITES.map((member) => shareOf(member, noisy(rows(3, 1)))), terms)
  t.same(answer, { answer: PAID.answer, sites: 3, unit: 1, counts: [9n, null], sums: null }, 'at ε = 40 noise is zero but for once in 10^17')
  const sum: AggregateQuery = { ...QUERY, measure: { column: 'cost', low: 0n, high: 10n } }
  const summed = combineShares(sum, DEFINITION, SITES.map((member) => shareOf(member, noisy(rows(3, 1), sum, { ...PAID, epsilon: 800_000_000 }))), terms)
  t.same([summed?.counts, summed?.sums], [[9n, null], [27n, null]])
})

t.test('every site adds a whole noise: the variance of the total is that of as many noises, and what is left when the others are subtracted is that of one', async (t) => {
  const [runs, epsilon] = [1_000, 500_000]
  // Discrete Laplace of scale 1/ε = 2: variance 2q / (1 − q)² with q = e^−ε. Discrete Gaussian: 1/ε² = 4 within a millionth.
  const q = Math.exp(-0.5)
  for (const [mechanism, variance, fourth] of [['laplace', (2 * q) / (1 - q) ** 2, 6], ['gaussian', 4, 3]] as const) {
    const [totals, single]: number[][] = [[], []]
    for (let run = 0; run < runs; run++) {
      const noises = SITES.map(() => Number(noisy([], QUERY, { ...PAID, mechanism, epsilon })[0]!))
      totals!.push(noises.reduce((a, b) => a + b, 0))
      single!.push(noises[0]!)
    }
    for (const [name, draws, expected] of [['total', totals!, 3 * variance], ['one', single!, variance]] as const) {
      const measured = draws.reduce((sum, each) => sum + each * each, 0) / runs
      // Var(x²) ≤ (fourth − 1)·variance² for one noise, less for sums of them; four standard deviations.
      const margin = 4 * expected * Math.sqrt((fourth - 1) / runs)
      t.ok(Math.abs(measured - expected) < margin, `${mechanism} ${name}: ${measured.toFixed(2)} against ${expected.toFixed(2)} ± ${margin.toFixed(2)}`)
    }
  }
})
