/** A table for a terminal: columns as wide as their widest cell, columns of numbers to the right, two spaces between. */
export function formatTable(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => String(row[column] ?? '').length)))
  const isNumeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'))
  const line = (cells: readonly (string | number)[]): string =>
    widths.map((width, column) => {
      const cell = String(cells[column] ?? '')
      return isNumeric[column] === true ? cell.padStart(width) : cell.padEnd(width)
    }).join('  ').trimEnd()
  return [line(headings), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n')
}
