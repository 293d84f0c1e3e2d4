// Writes test/vectors/spec-v1.json and the hex in these documents. Run: node docs/spec/vectors.ts
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { nodeVectors } from './vectors-node.ts'
import { portableVectors } from './vectors-portable.ts'

export const VECTORS_FILE = fileURLToPath(new URL('../../test/vectors/spec-v1.json', import.meta.url))
const FOLDER = fileURLToPath(new URL('.', import.meta.url))

export function specVectors(): Record<string, unknown> {
  return { ...portableVectors(), ...nodeVectors() }
}

/** The documents of this folder: name and text. */
export function specDocuments(): { readonly name: string; readonly text: string }[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith('.md')).sort().map((name) => ({ name, text: readFileSync(`${FOLDER}${name}`, 'utf8') }))
}

/** A vector by its dotted path, for example `transaction.id` or `raft.4.bytes`. */
export function vectorAt(vectors: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], vectors)
}

/** How a vector stands in a document: hex in lines of 96 digits; a list of rows as a table of columns; other maps as one `name: value` a line. */
export function printVector(value: unknown): string {
  if (typeof value === 'string') return /^[0-9a-f]{97,}$/.test(value) ? value.match(/.{1,96}/g)!.join('\n') : value
  if (Array.isArray(value)) return value.map((item) => (isRow(item) ? Object.values(item).map(String).join('  ') : printVector(item))).join('\n')
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([name, member]) => `${name}: ${Array.isArray(member) ? member.join(', ') : String(member)}`).join('\n')
  return String(value)
}

function isRow(item: unknown): item is Record<string, unknown> {
  return typeof item === 'object' && item !== null
}

/** The document with every fence ```` ```vector <path> ```` filled from `vectors`. Throws for a path that names nothing. */
export function fillDocument(text: string, vectors: unknown): string {
  return text.replace(/^```vector (\S+)\n[^`]*^```$/gm, (_, path: string) => {
    const value = vectorAt(vectors, path)
    if (value === undefined) throw new Error(`no vector ${path}`)
    return `\`\`\`vector ${path}\n${printVector(value)}\n\`\`\``
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const vectors = specVectors()
  writeFileSync(VECTORS_FILE, `${JSON.stringify(vectors, undefined, 1)}\n`)
  for (const { name, text } of specDocuments()) writeFileSync(`${FOLDER}${name}`, fillDocument(text, vectors))
}
