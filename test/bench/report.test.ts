import t from 'tap'
import { FIGURES_BEGIN, FIGURES_END, formatMarkdown, formatNumber, formatTable, isMet, ratioOf, replaceFigures } from '../../bench/report.ts'
import type { Row } from '../../bench/report.ts'

const machine = { date: '2026-01-01 00:00', cpu: 'a cpu', cores: 2, memoryGiB: 8, node: 'v24', revision: 'abc', load: 0.1, syncMs: 0.25 }
const row: Row = { figure: 'puts', unit: '/s', values: [900, 1000, 1100], reference: { name: 'theirs', values: [2000] }, goal: { ratioAtLeast: 0.6 } }

t.test('a page without the marks is refused, not overwritten', (t) => {
  t.throws(() => replaceFigures('no marks', 'x'), RangeError)
  t.throws(() => replaceFigures(`${FIGURES_END} ${FIGURES_BEGIN}`, 'x'), RangeError)
  t.equal(replaceFigures(`a\n${FIGURES_BEGIN}\nold\n${FIGURES_END}\nb`, 'new'), `a\n${FIGURES_BEGIN}\nnew\n${FIGURES_END}\nb`)
  t.end()
})

t.test('a goal is met or missed by the median; without a reference it is neither', (t) => {
  t.equal(ratioOf(row), 0.5)
  t.equal(isMet(row), false)
  t.equal(isMet({ ...row, goal: { ratioAtMost: 0.5 } }), true)
  t.equal(isMet({ ...row, goal: { atMost: 999 } }), false)
  const { reference: _, ...alone } = row
  t.equal(isMet(alone), undefined)
  t.equal(isMet({ ...alone, goal: { atMost: 1000 } }), true)
  t.end()
})

t.test('numbers keep three digits, and thousands apart', (t) => {
  t.same([0, 0.1234, 1.2345, 12.34, 123.4, 12345.6, 1234567, Number.NaN].map(formatNumber), ['0', '0.123', '1.23', '12.3', '123', '12,346', '1,234,567', 'none'])
  t.end()
})

t.test('the table names machine, spread, ratio and goal; what is missing is said', (t) => {
  const { reference: _, ...alone } = row
  const report = { machine, quick: true, rows: [row, { ...alone, missing: 'etcd is not installed' }], notes: ['a note'] }
  const table = formatTable(report)
  t.match(table, /revision abc · fdatasync of 4 KiB p50 0\.25 ms/)
  t.match(table, /puts +1,000\/s \(900 to 1,100\) +theirs: 2,000\/s +0\.50 × +≥ 0\.6 × missed/)
  t.match(table, /etcd is not installed/)
  t.match(table, /Quick run/)
  t.match(formatMarkdown(report), '| puts | 1,000/s (900 to 1,100) | theirs: 2,000/s | 0.50 × | ≥ 0.6 × missed |')
  t.end()
})
