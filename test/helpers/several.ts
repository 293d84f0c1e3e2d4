/**
 * `several.ts NAME FILE…`: runs test files in this one process, one after another: what small files cost is Node, tap and our modules, not their tests. Each still runs alone under `node`.
 * The files leave the arguments before tap is loaded, which names the folders of tests after them.
 */
import { resolve } from 'node:path'

const files = process.argv.splice(3)
const { default: t } = await import('tap')
// A process of tap's has 30 s by itself.
t.setTimeout(290_000)
for (const file of files) {
  t.comment(file)
  await import(resolve(file))
}
