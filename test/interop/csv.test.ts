import fc from 'fast-check'
import t from 'tap'
import { neutraliseCell, restoreCell } from '../../interop/csv/formula.ts'
import { CSV_LIMITS } from '../../interop/csv/limits.ts'
import { createCsvReader } from '../../interop/csv/reader.ts'
import type { CsvReaderOptions } from '../../interop/csv/reader.ts'
import { formatCsvRecord } from '../../interop/csv/writer.ts'
import { SteleError } from '../../primitives/error.ts'

/** Reads text in chunks of so many bytes. */
function read(text: string | Uint8Array, { chunk = 7, ...options }: CsvReaderOptions & { chunk?: number } = {}): string[][] {
  const rows: string[][] = []
  const reader = createCsvReader((cells) => rows.push(cells), options)
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk))
  reader.end()
  return rows
}

function refusal(run: () => unknown): { code: string; details: Readonly<Record<string, unknown>>; text: string } {
  try {
    run()
  } catch (error) {
    if (error instanceof SteleError) return { code: error.code, details: error.details, text: JSON.stringify([error.message, error.details]) }
    throw error
  }
  return { code: 'none', details: {}, text: '' }
}

t.test('what breaks the rules is refused with line, column and rule, and without the content', async (t) => {
  t.match(refusal(() => read('a,b\n1,2\n3\n')), { code: 'CSV_MALFORMED', details: { line: 3, cells: 1, expected: 2 } })
  t.match(refusal(() => read('a,b\n1,"secret\n2,3\n')), { code: 'CSV_MALFORMED', details: { line: 2, column: 2, rule: /closed/ } })
  t.match(refusal(() => read('a,b\n1,"x"y\n')), { code: 'CSV_MALFORMED', details: { line: 2, column: 2, rule: /closing quote/ } })
  t.match(refusal(() => read('a,b\n1,5" pipe\n')), { code: 'CSV_MALFORMED', details: { line: 2, column: 2 } })
  t.match(refusal(() => read('a,b\n1,2\r3,4\n')), { code: 'CSV_MALFORMED', details: { line: 2, column: 2, rule: /LF/ } })
  t.match(refusal(() => read('a,b\n1,\0\n')), { code: 'CSV_NOT_TEXT' })
  t.match(refusal(() => read(Uint8Array.of(0x61, 0x0a, 0xff, 0xfe, 0x0a))), { code: 'CSV_NOT_TEXT' })
  t.notMatch(refusal(() => read('a,b\nMara Voss,"secret\n')).text, /Mara|secret/)
})

t.test('a million columns, an endless line, an endless cell and too many rows end early, in bounded memory', async (t) => {
  let pushed = 0
  const feed = (chunkText: string): unknown => {
    const reader = createCsvReader(() => undefined)
    const chunk = new TextEncoder().encode(chunkText.repeat(Math.ceil(65_536 / chunkText.length)))
    for (pushed = 0; pushed < 1_000; pushed++) reader.push(chunk)
    return undefined
  }
  t.match(refusal(() => feed('x,')), { code: 'CSV_TOO_LARGE', details: { line: 1, column: CSV_LIMITS.columnsMax + 1, rule: /1000 cells/ } })
  t.ok(pushed < 20, `stopped after ${pushed} chunks of 64 KiB`)
  t.match(refusal(() => feed('x')), { code: 'CSV_TOO_LARGE', details: { line: 1, column: 1 } })
  t.ok(pushed < 20, `stopped after ${pushed}`)
  t.match(refusal(() => feed('"x')), { code: 'CSV_MALFORMED' })
  t.match(refusal(() => read(`a,b\n1,${'y'.repeat(CSV_LIMITS.cellCharsMax + 1)}\n`, { chunk: 4096 })), { code: 'CSV_TOO_LARGE', details: { line: 2, column: 2 } })
  t.match(refusal(() => read('a\n1\n2\n3\n', { limits: { ...CSV_LIMITS, rowsMax: 2 } })), { code: 'CSV_TOO_LARGE', details: { rowsMax: 2 } })
})

t.test('the dialects of the world are read alike, in chunks of any size', async (t) => {
  const expected = [['a', 'b c', 'd'], ['1', 'x;y', ''], ['', '2"3', 'z']]
  for (let chunk = 1; chunk < 12; chunk++) {
    t.strictSame(read('a,b c,d\r\n1,x;y,\r\n,"2""3",z', { chunk }), expected, `RFC 4180, ${chunk}`)
    t.strictSame(read('\ufeffa;b c;d\n1;"x;y";\n;"2""3";z\n', { chunk }), expected, `semicolons and a byte order mark, ${chunk}`)
    t.strictSame(read('a, b c, d\n1, x;y, \n, "2""3", z\n\n', { chunk }), expected, `blanks after commas, ${chunk}`)
  }
  t.strictSame(read('a\n\n"x\r\ny"\n'), [['a'], [''], ['x\r\ny']], 'one column: an empty line is an empty cell')
  t.strictSame(read(''), [])
  t.strictSame(read('a\tb\n1\t2\n'), [['a', 'b'], ['1', '2']])
})

t.test('formulas are neutralised in what is written, and every cell comes back as it was', async (t) => {
  for (const cell of ['=1+1', '+SUM(A1)', '-2+3', '@cmd', '\t=1', '\r=1', '＝1', "'=1", "''@x", '=HYPERLINK("http://x")', '-', '-1;2']) {
    const written = neutraliseCell(cell)
    t.ok(written.startsWith("'"), JSON.stringify(cell))
    t.equal(restoreCell(written), cell)
  }
  for (const cell of ['-5', '+3.25', '1e5', '-1.5E-3', "O'Brien", "'quoted'", 'a=b', '', '*', '[1-2]']) t.equal(neutraliseCell(cell), cell)
  const cell = fc.string({ unit: fc.constantFrom(...'=+-@\t\r\n\'",;a1. ＝|'), maxLength: 8 })
  fc.assert(fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 6 }), (rows) => {
    const text = ['h,i\r\n', ...rows.map(formatCsvRecord)].join('')
    const raw = read(text, { dialect: { delimiter: ',', trim: false } }).slice(1)
    return JSON.stringify(raw.map((cells) => cells.map(restoreCell))) === JSON.stringify(rows) && raw.flat().every((each) => !/^[=@\t\r\n＝]/.test(each))
  }), { numRuns: 500 })
})
