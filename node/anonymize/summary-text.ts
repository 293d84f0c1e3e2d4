import { bad, good, table } from '../output.ts'
import type { ReleaseSummary } from './summary.ts'

const percent = (share: string): string => `${(Number(share) * 100).toFixed(2)} %`

/** A release in a screenful: what was done, whether every rule is met, what it costs in detail, and what to look at next. */
export function formatSummary({ input, output, algorithm, columns, counts, metrics, risk, rules, utility }: ReleaseSummary, report: string | undefined): string {
  return [
    `${input.file} → ${output.file}`,
    `${counts.released} rows released, ${counts.suppressed} suppressed, ${counts.dropped} dropped as incomplete; ${counts.classes} classes of ${counts.smallest} to ${counts.largest} rows; ${algorithm}`,
    `information loss ${percent(metrics.loss)} · highest risk of one person ${percent(risk.prosecutorMax)} · of all ${percent(risk.marketer)} · average class size ÷ k ${metrics.averageClassSize} · discernibility ${metrics.discernibility}`, '',
    table([['COLUMN', 'ROLE', 'LOSS', 'HIERARCHY'], ...columns.map(({ name, role, loss, hierarchy }) => [name, role, role === 'quasi-identifier' ? percent(loss) : '-', hierarchy])]),
    ...(input.leftOut.length === 0 ? [] : [`left out: ${input.leftOut.join(', ')}`]), '',
    ...rules.map(({ rule, required, measured, ok }) => `${ok ? good('✓') : bad('✗')} ${rule}: ${measured}${required === '' ? '' : ` (asked ${required})`}`),
    ...(utility === undefined ? [] : ['', `counting queries of at least 5 % of the rows: median error ${percent(utility.queries.medianError)}`, ...utility.classifiers.map(({ target, original, released, baseline }) => `predicting ${target}: ${percent(released)} from the release, ${percent(original)} from the original, ${percent(baseline)} by the most frequent value`)]), '',
    `release hash  ${output.releaseHash}`, ...(report === undefined ? [] : [`report        ${report}`]),
    'A release protects only those who know no other release of the same people: keep a list of what you gave to whom.',
  ].join('\n')
}
