/** How a file separates its cells. */
export interface CsvDialect {
  /** One character between cells. */
  readonly delimiter: string
  /** Blanks around cells are no part of them, as in `39, State-gov, 77516`. Inside quotes blanks stay. */
  readonly trim: boolean
}

/** The separators that are recognised, the likeliest first: a tie goes to the earlier one. */
export const CSV_DELIMITERS = [',', ';', '\t', '|'] as const

/**
 * Guesses the dialect from the first record's line: the separator that occurs most outside quotes, and whether every one of them is followed by a
 * blank. A line without any separator is a table of one column.
 */
export function guessDialect(line: string): CsvDialect {
  const bare = line.replace(/"(?:[^"]|"")*"/g, '""')
  const counts = CSV_DELIMITERS.map((delimiter) => bare.split(delimiter).length - 1)
  const most = Math.max(...counts)
  const delimiter = most === 0 ? ',' : CSV_DELIMITERS[counts.indexOf(most)]!
  const trim = most > 0 && delimiter !== '\t' && bare.split(delimiter).slice(1).every((cell) => cell.startsWith(' '))
  return { delimiter, trim }
}
