/** Bounds on tables from outside: a reader's memory is bounded by one record and one chunk, whatever the file holds. */
export interface CsvLimits {
  /** Cells of one record. */
  readonly columnsMax: number
  /** Characters (UTF-16 units) of one cell. */
  readonly cellCharsMax: number
  /** Characters of one record, line breaks in quotes included. */
  readonly recordCharsMax: number
  /** Records, the header not counted. */
  readonly rowsMax: number
}

/** Wide enough for claims and genotype panels, narrow enough that an endless line ends quickly. */
export const CSV_LIMITS: CsvLimits = { columnsMax: 1_000, cellCharsMax: 32_768, recordCharsMax: 1_048_576, rowsMax: 50_000_000 }
