import { readFile, readdir } from 'node:fs/promises'

/** Root of the project. */
export const ROOT = new URL('../../', import.meta.url)

/** The rooms of the house that hold code (DESIGN §4); a room that does not exist yet is passed over. */
export const ROOMS = ['primitives', 'consensus', 'contracts', 'privacy', 'p2p', 'state', 'vault', 'rpc', 'node', 'client', 'interop', 'examples', 'bench'] as const
export type Room = (typeof ROOMS)[number]

export interface Source {
  /** Path from the root, with forward slashes. */
  readonly path: string
  readonly room: string
  readonly text: string
  /** The text without comments; strings stay. */
  readonly code: string
}

/** Every TypeScript file of these folders, ordered by path. Helpers of tests are not part of it. */
export async function readSources(folders: readonly string[] = ROOMS): Promise<Source[]> {
  const lists = await Promise.all(folders.map(readFolder))
  return lists.flat().sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function readFolder(folder: string): Promise<Source[]> {
  const names = await readdir(new URL(`${folder}/`, ROOT), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const wanted = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.includes('node_modules'))
  return Promise.all(wanted.map(async (name) => {
    const path = `${folder}/${name.replaceAll('\\', '/')}`
    const text = await readFile(new URL(path, ROOT), 'utf8')
    return { path, room: folder.split('/')[0]!, text, code: withoutComments(text) }
  }))
}

/**
 * Blanks comments and keeps every line where it is. Strings and templates are recognised so that `//` inside an address is not taken for a
 * comment; a regular expression that holds a quote is the one thing that could mislead it, and none does (the tests would name the line).
 */
export function withoutComments(text: string): string {
  return text.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|(?<=^|[\s;,(){}])\/\/[^\n]*/g, (part) => (part.startsWith('/') ? part.replace(/[^\n]/g, ' ') : part))
}
