import type { ReleaseSummary } from '../summary.ts'
import { barChart } from './charts.ts'
import { dataTable, html } from './html.ts'
import type { Html } from './html.ts'
import { REPORT_STYLE } from './style.ts'

/**
 * The report of one release as one HTML file: no script, nothing from elsewhere (a policy in its head forbids both), pictures with titles and tables.
 * It holds counts and shares, names of columns and files, and no cell of the table.
 */
export function renderReport(summary: ReleaseSummary, { at }: { readonly at: string }): string {
  const sound = summary.rules.every(({ ok }) => ok)
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>Release of ${summary.input.file}: k = ${summary.policy.k}</title>
<style>__STYLE__</style></head><body>
<header><h1>Release of ${summary.input.file}</h1>
<p class="quiet">${at} · ${summary.algorithm} · ${sound ? html`<span class="good">every rule of the policy is met</span>` : html`<span class="bad">the policy is not met: do not publish</span>`}</p></header>
<main>${tiles(summary)}${policySection(summary)}${classSection(summary)}${lossSection(summary)}${riskSection(summary)}${utilitySection(summary)}${columnSection(summary)}${proofSection(summary)}</main>
</body></html>
`
  return page.text.replace('__STYLE__', () => REPORT_STYLE)
}

const percent = (share: string): string => `${(Number(share) * 100).toFixed(2)} %`
const whole = (number: number): string => number.toLocaleString('en')

function tiles({ counts, metrics, risk, policy }: ReleaseSummary): Html {
  const items: [string, string][] = [
    [whole(counts.released), 'rows released'], [whole(counts.suppressed + counts.dropped), 'rows left out'], [whole(counts.classes), 'equivalence classes'], [whole(counts.smallest), `rows in the smallest class (k = ${policy.k})`],
    [percent(metrics.loss), 'information loss'], [percent(risk.prosecutorMax), 'highest risk of one person'],
  ]
  return html`<ul class="tiles">${items.map(([value, label]) => html`<li><b>${value}</b><span>${label}</span></li>`)}</ul>`
}

function policySection({ rules, counts }: ReleaseSummary): Html {
  const left = counts.dropped === 0 ? '' : ` ${whole(counts.dropped)} rows with missing cells were dropped before.`
  return html`<section><h2>Policy</h2>${dataTable('What was asked, and what the written file holds', ['rule', 'asked', 'measured', 'verdict'], rules.map(({ rule, required, measured, ok }) => [rule, required, measured, ok ? 'met' : 'NOT MET']))}
<p class="quiet">Measured on the file after it was written and read again.${left}</p></section>`
}

function classSection({ classSizes, counts, metrics }: ReleaseSummary): Html {
  const description = `How many equivalence classes have how many rows: ${counts.classes} classes of ${counts.smallest} to ${counts.largest} rows.`
  return html`<section><h2>Class sizes</h2><p>Rows of one class look alike in everything others may know about a person. Many small classes keep more detail; large ones hide better.</p>
${barChart({ id: 'sizes', title: 'Classes by size', description, head: ['rows in a class', 'classes (rows)'], bars: classSizes.map(({ label, classes, rows }) => ({ label: `${label} rows`, value: classes, text: `${whole(classes)} (${whole(rows)} rows)` })) })}
<p class="quiet">Average class size divided by k: ${metrics.averageClassSize} (1 is the smallest possible). Discernibility: ${whole(Number(metrics.discernibility))}.</p></section>`
}

function lossSection({ columns, metrics }: ReleaseSummary): Html {
  const bars = columns.filter(({ role }) => role === 'quasi-identifier').map(({ name, loss }) => ({ label: name, value: Number(loss), text: percent(loss) }))
  return html`<section><h2>Loss per column</h2><p>The share of a column's detail that was given up: 0 % as in the original, 100 % nothing left. Over all: ${percent(metrics.loss)}.</p>
${barChart({ id: 'loss', title: 'Normalised certainty penalty', description: `Information loss of each quasi-identifier; ${percent(metrics.loss)} over all.`, head: ['column', 'loss'], full: 1, bars })}</section>`
}

function riskSection({ risk, policy }: ReleaseSummary): Html {
  const bars = [
    { label: 'prosecutor, highest', value: Number(risk.prosecutorMax), text: percent(risk.prosecutorMax) }, { label: 'prosecutor, average', value: Number(risk.prosecutorAverage), text: percent(risk.prosecutorAverage) },
    { label: 'marketer', value: Number(risk.marketer), text: percent(risk.marketer) },
  ]
  return html`<section><h2>Risk</h2><p>Prosecutor: somebody looks for a person known to be in the table. Marketer: the share of all rows that could be matched correctly. The journalist's risk needs a table of the whole population and is not available here.</p>
${barChart({ id: 'risk', title: 'Risk of re-identification', description: `Highest prosecutor risk ${percent(risk.prosecutorMax)}, marketer risk ${percent(risk.marketer)}; 1 / k is ${percent(String(1 / policy.k))}.`, head: ['attacker', 'risk'], bars, bound: { value: 1 / policy.k, text: `1 / k = ${percent(String(1 / policy.k))}` } })}
<p class="quiet">k-anonymity gives no protection when the same people are released twice by different recodings; keep a record of releases.</p></section>`
}

function utilitySection({ utility, statistics }: ReleaseSummary): Html {
  const exact = statistics.length === 0 ? [] : [html`<p>Count, sum and sum of squares of each class stand exact beside the release for: ${statistics.join(', ')}. Means and variances over whole classes are those of the original.</p>`]
  if (utility === undefined) return html`<section><h2>Utility</h2>${exact}<p class="quiet">Query error and classifier accuracy were not measured.</p></section>`
  const { queries, classifiers } = utility
  const charts = classifiers.map(({ target, original, released, baseline }, at) => barChart({
    id: `classifier${at}`, title: `Predicting ${target} from the quasi-identifiers`, description: `Accuracy of a classifier for ${target}: ${percent(original)} learnt from the original, ${percent(released)} from the release, ${percent(baseline)} by always naming the most frequent value.`,
    head: ['learnt from', 'accuracy'], full: 1, bars: [{ label: 'original', value: Number(original), text: percent(original), series: 0 }, { label: 'release', value: Number(released), text: percent(released), series: 1 }, { label: 'most frequent value', value: Number(baseline), text: percent(baseline), series: 2 }],
  }))
  return html`<section><h2>Utility</h2>${exact}
${barChart({ id: 'queries', title: 'Relative error of counting queries', description: `Counting the rows in ${queries.count} random ranges over ${queries.dimensions} columns that hold at least 5 % of the rows: median error ${percent(queries.medianError)}, mean ${percent(queries.meanError)}.`, head: ['error', 'share'], bars: [{ label: 'median', value: Number(queries.medianError), text: percent(queries.medianError) }, { label: 'mean', value: Number(queries.meanError), text: percent(queries.meanError) }] })}
${charts}</section>`
}

function columnSection({ columns, input }: ReleaseSummary): Html {
  const left = input.leftOut.length === 0 ? 'Every column was released.' : `Left out: ${input.leftOut.join(', ')}.`
  return html`<section><h2>Columns</h2>${dataTable('What became of each column', ['column', 'role', 'type', 'hierarchy', 'values in the release'], columns.map(({ name, role, type, hierarchy, values }) => [name, role, type, hierarchy === '' ? '–' : hierarchy, whole(values)]))}<p>${left}</p></section>`
}

function proofSection({ input, output }: ReleaseSummary): Html {
  return html`<section><h2>What was read and written</h2>${dataTable('Files and hashes', ['what', 'value'], [['original', `${input.file}, ${whole(input.rows)} rows`], ['original, SHA-256 before and after', input.sha256], ['release', output.file], ['release file, SHA-256', output.sha256], ['release hash (rows, classes, figures)', output.releaseHash]])}
<p class="quiet">The original was not changed: its hash was taken while it was read and again at the end.</p></section>`
}
