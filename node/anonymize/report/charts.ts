import { dataTable, html } from './html.ts'
import type { Html } from './html.ts'

export interface Bar {
  readonly label: string
  readonly value: number
  /** The value as people read it, written beside the bar. */
  readonly text: string
  /** Bars of one series share a colour; the second series is the one to compare with. */
  readonly series?: 0 | 1 | 2
}

export interface BarChart {
  /** Unique in the page: ids of title and description are made from it. */
  readonly id: string
  readonly title: string
  /** What the picture shows, in a sentence: read aloud in place of the picture. */
  readonly description: string
  readonly bars: readonly Bar[]
  /** The value of a full bar; the largest value unless told. */
  readonly full?: number
  /** A line across all bars, as the bound that none may pass. */
  readonly bound?: { readonly value: number; readonly text: string }
  /** Headings of the table that says the same in numbers. */
  readonly head: readonly [string, string]
}

const WIDTH = 720
const LABEL_WIDTH = 210
const VALUE_WIDTH = 160
const ROW = 28
const TOP = 10

/** Horizontal bars as SVG with title and description, and the same numbers as a table to unfold. */
export function barChart({ id, title, description, bars, full, bound, head }: BarChart): Html {
  const most = Math.max(full ?? 0, bound?.value ?? 0, ...bars.map(({ value }) => value), Number.MIN_VALUE)
  const space = WIDTH - LABEL_WIDTH - VALUE_WIDTH
  const length = (value: number): number => Math.round((Math.max(0, value) / most) * space * 10) / 10
  const foot = bound === undefined ? 0 : 22
  const height = TOP * 2 + bars.length * ROW + foot
  const rows = bars.map(({ label, value, text, series = 0 }, at) => {
    const y = TOP + at * ROW
    return html`<text x="${LABEL_WIDTH - 10}" y="${y + 18}" text-anchor="end" class="label">${shortened(label)}</text>
<rect x="${LABEL_WIDTH}" y="${y + 5}" width="${Math.max(value > 0 ? 1.5 : 0, length(value))}" height="${ROW - 10}" rx="2" class="bar${series}"/>
<text x="${LABEL_WIDTH + length(value) + 8}" y="${y + 18}" class="value">${text}</text>
`
  })
  const x = bound === undefined ? 0 : LABEL_WIDTH + length(bound.value)
  const line = bound === undefined ? [] : [html`<line x1="${x}" x2="${x}" y1="${TOP - 4}" y2="${height - foot}" class="bound"/>
<text x="${x}" y="${height - 6}" text-anchor="${x > WIDTH - 160 ? 'end' : 'middle'}" class="bound-text">${bound.text}</text>`]
  return html`<figure><figcaption>${title}</figcaption>
<svg role="img" aria-labelledby="${id}-title ${id}-description" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<title id="${id}-title">${title}</title><desc id="${id}-description">${description}</desc>
<line x1="${LABEL_WIDTH}" x2="${LABEL_WIDTH}" y1="${TOP}" y2="${height - foot - TOP}" class="axis"/>
${rows}${line}</svg>
<details><summary>The numbers</summary>${dataTable(description, head, bars.map(({ label, text }) => [label, text]))}</details></figure>`
}

function shortened(label: string): string {
  return label.length > 30 ? `${label.slice(0, 29)}…` : label
}
