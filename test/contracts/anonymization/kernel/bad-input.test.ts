/** Goal: bad input is refused with a code that names row, column and rule, and no cell ever stands in an error. */
import t from 'tap'
import { TableBuilder, anonymize, dateHierarchy, flatHierarchy, intervalHierarchy, parseHierarchy, tableFromColumns, zipHierarchy } from '../../../../contracts/anonymization/kernel/index.ts'
import type { AttributeDefinition, DatasetDefinition, Policy } from '../../../../contracts/anonymization/kernel/index.ts'
import { errorCode } from '../../../../primitives/error.ts'

const table = tableFromColumns([{ name: 'id', cells: ['a', 'b', 'c', 'd'] }, { name: 'age', cells: ['20', '30', '40', '50'] }, { name: 'city', cells: ['Bern', 'Zug', 'Bern', 'Zug'] }, { name: 'illness', cells: ['A', 'B', 'A', 'secret-cell'] }])
const ATTRIBUTES: readonly AttributeDefinition[] = [{ name: 'id', role: 'identifier', type: 'categorical', person: true }, { name: 'age', role: 'quasi-identifier', type: 'integer' }, { name: 'city', role: 'quasi-identifier', type: 'categorical' }, { name: 'illness', role: 'sensitive', type: 'categorical' }]
const DEFINITION: DatasetDefinition = { attributes: ATTRIBUTES, policy: { k: 2 }, algorithm: { name: 'mondrian', mode: 'strict' } }
const change = (name: string, change: object): DatasetDefinition => ({ ...DEFINITION, attributes: ATTRIBUTES.map((each) => (each.name === name ? { ...each, ...change } : each)) })
const cells = (name: string, values: readonly string[]) => tableFromColumns(table.columns.map((column) => ({ name: column.name, cells: column.name === name ? values : Array.from(column.codes, (code) => column.values[code]!) })))

function refusal(run: () => unknown): Record<string, unknown> {
  try {
    run()
  } catch (error) {
    return { code: errorCode(error), ...(error as { details: object }).details }
  }
  return { code: 'nothing thrown' }
}

t.test('the definition that the cases change is a good one', async (t) => {
  t.equal(anonymize(table, DEFINITION).rowCount, 4)
})

const CASES: readonly (readonly [title: string, run: () => unknown, expected: object])[] = [
  ['an unknown role', () => anonymize(table, change('age', { role: 'quasi' })), { code: 'ANONYMIZATION_ROLE_UNKNOWN', column: 'age' }],
  ['an unknown type', () => anonymize(table, change('age', { type: 'float' })), { code: 'ANONYMIZATION_TYPE_UNKNOWN', column: 'age' }],
  ['a column without a role', () => anonymize(table, { ...DEFINITION, attributes: ATTRIBUTES.slice(0, 3) }), { code: 'ANONYMIZATION_COLUMN_UNDEFINED', column: 'illness' }],
  ['a column that is not there', () => anonymize(table, { ...DEFINITION, attributes: [...ATTRIBUTES, { name: 'zip', role: 'insensitive', type: 'categorical' }] }), { code: 'ANONYMIZATION_COLUMN_MISSING', column: 'zip' }],
  ['two definitions of one column', () => anonymize(table, { ...DEFINITION, attributes: [...ATTRIBUTES, ATTRIBUTES[0]!] }), { code: 'ANONYMIZATION_COLUMN_DUPLICATE', column: 'id' }],
  ['no quasi-identifier', () => anonymize(table, { ...DEFINITION, attributes: ATTRIBUTES.map((each) => ({ ...each, role: 'insensitive', person: undefined })) }), { code: 'ANONYMIZATION_COLUMN_MISSING' }],
  ['k above the rows', () => anonymize(table, { ...DEFINITION, policy: { k: 5 } }), { code: 'ANONYMIZATION_K_ABOVE_ROWS', k: 5, rows: 4 }],
  ['a missing cell', () => anonymize(cells('age', ['20', '?', '40', '50']), DEFINITION), { code: 'ANONYMIZATION_CELL_MISSING', row: 2, column: 'age' }],
  ['nothing left when incomplete rows are dropped', () => anonymize(cells('age', ['', '', '', '']), { ...DEFINITION, missing: { markers: [''], treatment: 'drop-row' } }), { code: 'ANONYMIZATION_TABLE_EMPTY' }],
  ['mixed types', () => anonymize(cells('age', ['20', '30', 'forty', '50']), DEFINITION), { code: 'ANONYMIZATION_CELL_TYPE', row: 3, column: 'age' }],
  ['a number that would lose digits', () => anonymize(cells('age', ['20', '30', '40', '9007199254740993']), DEFINITION), { code: 'ANONYMIZATION_CELL_TYPE', row: 4, column: 'age' }],
  ['a date that does not exist', () => anonymize(cells('age', ['2024-02-29', '2023-02-29', '2024-01-01', '2024-01-02']), change('age', { type: 'date' })), { code: 'ANONYMIZATION_CELL_TYPE', row: 2, column: 'age' }],
  ['two rows of one person', () => anonymize(cells('id', ['a', 'b', 'a', 'd']), DEFINITION), { code: 'ANONYMIZATION_PERSON_DUPLICATE', row: 3, firstRow: 1, column: 'id' }],
  ['a value that its hierarchy does not cover', () => anonymize(table, change('city', { hierarchy: flatHierarchy('city', ['Bern']) })), { code: 'ANONYMIZATION_HIERARCHY_UNCOVERED', row: 2, column: 'city' }],
  ['hierarchy Mondrian without a hierarchy', () => anonymize(table, { ...DEFINITION, algorithm: { name: 'mondrian', mode: 'hierarchy' } }), { code: 'ANONYMIZATION_HIERARCHY_ABSENT', column: 'city' }],
  ['an unknown algorithm', () => anonymize(table, { ...DEFINITION, algorithm: { name: 'magic' } as unknown as DatasetDefinition['algorithm'] }), { code: 'ANONYMIZATION_ALGORITHM_UNKNOWN' }],
  ['a policy that cannot be met', () => anonymize(table, { ...DEFINITION, policy: { k: 2, diversity: [{ attribute: 'illness', kind: 'distinct', l: '4' }] } }), { code: 'ANONYMIZATION_UNSATISFIABLE' }],
  ['a risk that k does not reach', () => anonymize(table, { ...DEFINITION, policy: { k: 2, risk: { prosecutor: '0.2' } } }), { code: 'ANONYMIZATION_UNSATISFIABLE', rule: 'prosecutor risk' }],
  ['δ-presence without a subset', () => anonymize(table, { ...DEFINITION, policy: { k: 2, presence: { min: '0', max: '1/2' } } }), { code: 'ANONYMIZATION_SUBSET_INVALID' }],
  ['a subset of the wrong length', () => anonymize(table, DEFINITION, { subset: new Uint8Array(3) }), { code: 'ANONYMIZATION_SUBSET_INVALID' }],
  ['statistics of an identifier', () => anonymize(table, { ...DEFINITION, statistics: { columns: ['id'] } }), { code: 'ANONYMIZATION_COLUMN_MISSING', column: 'id' }],
  ['a ragged row', () => new TableBuilder(['a', 'b']).addRow(['1']), { code: 'ANONYMIZATION_ROW_RAGGED', row: 1 }],
  ['a million columns', () => new TableBuilder(Array.from({ length: 1_000_000 }, (_, i) => String(i))), { code: 'ANONYMIZATION_LIMIT', columns: 1_000_000 }],
  ['an endless cell', () => new TableBuilder(['a']).addRow(['x'.repeat(5_000)]), { code: 'ANONYMIZATION_LIMIT', row: 1, column: 'a' }],
  ['a column name twice', () => new TableBuilder(['a', 'a']), { code: 'ANONYMIZATION_COLUMN_DUPLICATE', column: 'a' }],
  ['no rows', () => new TableBuilder(['a']).build(), { code: 'ANONYMIZATION_TABLE_EMPTY' }],
  ['a hierarchy with a leaf twice', () => parseHierarchy('h', 'a;x;*\na;x;*\n'), { code: 'ANONYMIZATION_HIERARCHY_MALFORMED', line: 2 }],
  ['a hierarchy with a short line', () => parseHierarchy('h', 'a;x;*\nb;*\n'), { code: 'ANONYMIZATION_HIERARCHY_MALFORMED', line: 2 }],
  ['a label with two parents', () => parseHierarchy('h', 'a;x;p;*\nb;x;q;*\n'), { code: 'ANONYMIZATION_HIERARCHY_NOT_TREE', line: 2, level: 1 }],
  ['two roots', () => parseHierarchy('h', 'a;*\nb;+\n'), { code: 'ANONYMIZATION_HIERARCHY_NOT_TREE', line: 2 }],
  ['an empty hierarchy', () => parseHierarchy('h', '\n'), { code: 'ANONYMIZATION_HIERARCHY_MALFORMED' }],
  ['intervals that do not nest', () => intervalHierarchy('h', ['1'], [5, 12]), { code: 'ANONYMIZATION_HIERARCHY_MALFORMED', level: 2 }],
  ['dates that are none', () => dateHierarchy('h', ['1984-13-01']), { code: 'ANONYMIZATION_CELL_TYPE' }],
  ['postal codes of two lengths', () => zipHierarchy('h', ['4711', '471']), { code: 'ANONYMIZATION_CELL_TYPE' }],
]
for (const [title, run, expected] of CASES) {
  t.test(`refused: ${title}`, async (t) => {
    const seen = refusal(run)
    t.match(seen, expected)
    t.notMatch(JSON.stringify(seen), /secret-cell|forty/)
  })
}

const bad: readonly (readonly [string, Partial<Policy>])[] = [['k of zero', { k: 0 }], ['half a k', { k: 2 / 4 }], ['t above one', { closeness: [{ attribute: 'illness', distance: 'equal', t: '1.1' }] }], ['t that is no number', { closeness: [{ attribute: 'illness', distance: 'equal', t: 'lots' }] }], ['ordered distance of words', { closeness: [{ attribute: 'illness', distance: 'ordered', t: '0.1' }] }], ['c of zero', { diversity: [{ attribute: 'illness', kind: 'recursive', c: '0', l: 2 }] }], ['presence upside down', { presence: { min: '1/2', max: '1/3' } }], ['suppression above one', { suppressionLimit: '3/2' }]]
for (const [title, policy] of bad) t.test(`refused: a policy with ${title}`, async (t) => t.match(refusal(() => anonymize(table, { ...DEFINITION, policy: { ...DEFINITION.policy, ...policy } })), { code: 'ANONYMIZATION_POLICY_INVALID' }))
t.test('refused: diversity of a column that is not sensitive', async (t) => t.match(refusal(() => anonymize(table, { ...DEFINITION, policy: { k: 2, diversity: [{ attribute: 'city', kind: 'distinct', l: '2' }] } })), { code: 'ANONYMIZATION_COLUMN_MISSING', column: 'city' }))
