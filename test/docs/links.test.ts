/** Goal: papers do not point at nothing. Method: follow every relative link, look up every anchor, and search for names that belong to a developer's machine. */
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { posix } from 'node:path'
import t from 'tap'
import { ROOT } from '../../docs/generate/sources.ts'

async function pages(): Promise<string[]> {
  const inDocs = await readdir(new URL('docs/', ROOT), { recursive: true })
  const contracts = await readdir(new URL('contracts/', ROOT), { recursive: true })
  const top = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md']
  return [...top, ...inDocs.map((name) => `docs/${name}`), ...contracts.map((name) => `contracts/${name}`)].filter((name) => name.endsWith('.md'))
}

/** GitHub's anchor of a heading. */
const slug = (heading: string): string => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-')

async function anchors(path: string): Promise<Set<string>> {
  const text = await readFile(new URL(path, ROOT), 'utf8')
  return new Set([...[...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slug(heading!)), ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!)])
}

for (const page of await pages()) {
  t.test(`${page} points only at what exists`, async (t) => {
    const text = (await readFile(new URL(page, ROOT), 'utf8')).replaceAll(/```[\s\S]*?```/g, '')
    const broken: string[] = []
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [path = '', anchor] = target!.split('#')
      const file = path === '' ? page : posix.normalize(posix.join(posix.dirname(page), path))
      if (!existsSync(new URL(file, ROOT))) broken.push(target!)
      else if (anchor !== undefined && !(await anchors(file)).has(anchor)) broken.push(target!)
    }
    // A claim that names its test names one that is there.
    for (const [, test] of text.matchAll(/`(test\/[\w./-]*\.test\.ts)`/g)) if (!existsSync(new URL(test!, ROOT))) broken.push(test!)
    t.strictSame(broken, [])
    t.notMatch(text, /\/(?:home|root|Users)\/|\bTODO\b|\bFIXME\b/, 'no path of one machine, nothing left to do')
  })
}
