import { writeFile } from 'node:fs/promises'
import { renderMarkdown } from './docs.ts'
import { methodList } from './methods/index.ts'

/** Writes docs/rpc.md from the table of methods. A test compares the file with what this would write. */
export async function generateDocs(file: URL = new URL('../docs/rpc.md', import.meta.url)): Promise<void> {
  await writeFile(file, renderMarkdown(methodList))
}

if (import.meta.main) await generateDocs()
