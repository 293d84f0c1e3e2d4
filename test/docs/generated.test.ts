/** Goal: pages made from the sources stay true. Method: make them again and compare. `node docs/generate.ts` writes them. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { PAGES } from '../../docs/generate.ts'
import { ROOT } from '../../docs/generate/sources.ts'

for (const [name, render] of Object.entries(PAGES)) {
  t.test(`docs/${name} is what node docs/generate.ts writes`, async (t) => {
    const [page, made] = await Promise.all([readFile(new URL(`docs/${name}`, ROOT), 'utf8'), render()])
    const lines = new Set(page.split('\n'))
    t.strictSame(made.split('\n').filter((line) => !lines.has(line)), [], 'no line is missing')
    t.ok(page === made, 'the page is the same byte for byte')
  })
}
