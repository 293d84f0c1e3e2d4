import { ROOT, readSources } from './sources.ts'

/** One exported table of codes: where it stands, and what each code means. */
export interface CodeTable {
  readonly path: string
  readonly name: string
  readonly codes: Readonly<Record<string, string>>
}

const TABLE_FILES = /(?:^|\/)(?:errors|[a-z-]+-errors|codes|decision|recheck)\.ts$/
const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/

function isTable(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0 && Object.entries(value).every(([code, text]) => CODE.test(code) && typeof text === 'string')
}

/** Every table of codes in the sources, found by file name and form, so that a new one cannot be forgotten. Ordered by path. */
export async function readCodeTables(): Promise<CodeTable[]> {
  const files = (await readSources()).filter(({ path }) => TABLE_FILES.test(path))
  const modules = await Promise.all(files.map(async ({ path }) => ({ path, module: (await import(new URL(path, ROOT).href)) as Record<string, unknown> })))
  return modules.flatMap(({ path, module }) => Object.entries(module).flatMap(([name, value]) => (isTable(value) ? [{ path, name, codes: value }] : [])))
}
