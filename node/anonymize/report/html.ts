/** Text that is HTML already. Everything else is escaped where it is joined, so that a column named `<script>` is a name and no script. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Html | readonly Html[]

/** Builds HTML: what is put in is escaped, unless it is HTML. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, at) => text + (at < parts.length ? render(parts[at]!) : '')).join(''))
}

function render(part: Part): string {
  if (part instanceof Html) return part.text
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part))
  return part.map(({ text }) => text).join('')
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A table with a caption for those who cannot see it, the first column as row headings; numbers to the right. */
export function dataTable(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): Html {
  const isNumber = (text: string | undefined): boolean => text !== undefined && /^[−-]?[\d.,]+(?: ?%)?$/.test(text)
  const cell = (text: string): Html => (isNumber(text) ? html`<td class="number">${text}</td>` : html`<td>${text}</td>`)
  return html`<div class="scroll"><table><caption>${caption}</caption>
<thead><tr>${head.map((text, at) => (isNumber(rows[0]?.[at]) ? html`<th scope="col" class="number">${text}</th>` : html`<th scope="col">${text}</th>`))}</tr></thead>
<tbody>${rows.map(([first = '', ...rest]) => html`<tr><th scope="row">${first}</th>${rest.map(cell)}</tr>
`)}</tbody></table></div>`
}
