import { readFileSync } from 'node:fs'

/** One command of a cockroachdb/datadriven file and what it must print. */
export interface Directive {
  readonly line: number
  readonly command: string
  /** Arguments in order: `key`, `key=value` and `key=(a,b)`. */
  readonly args: ReadonlyMap<string, readonly string[]>
  /** Lines between the command and `----`. */
  readonly input: string
  readonly expected: string
}

/**
 * Reads a datadriven file: comments (#), a command line, optional input, `----`, then output up to an empty line; output that itself has
 * empty lines stands between two doubled `----`.
 */
export function parseDatadriven(path: string): Directive[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  const directives: Directive[] = []
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? ''
    if (line.trim() === '' || line.startsWith('#')) { at++; continue }
    const start = at++
    let command = line
    while (command.endsWith('\\')) command = `${command.slice(0, -1)} ${lines[at++] ?? ''}`
    const input: string[] = []
    while (at < lines.length && lines[at] !== '----') input.push(lines[at++] ?? '')
    at++
    const expected: string[] = []
    if (lines[at] === '----') {
      at++
      while (at < lines.length && !(lines[at] === '----' && lines[at + 1] === '----')) expected.push(lines[at++] ?? '')
      at += 2
    } else {
      while (at < lines.length && lines[at] !== '') expected.push(lines[at++] ?? '')
    }
    const [name = '', ...args] = splitArguments(command)
    directives.push({ line: start + 1, command: name, args: new Map(args.map(parseArgument)), input: input.join('\n').trim(), expected: expected.join('\n') })
  }
  return directives
}

function splitArguments(line: string): string[] {
  return line.match(/[^\s=]+=\([^)]*\)|\S+/g) ?? []
}

function parseArgument(text: string): [string, string[]] {
  const [, key = text, value] = /^([^=]+)=(.*)$/.exec(text) ?? []
  if (value === undefined) return [key, []]
  const list = /^\((.*)\)$/.exec(value)
  return [key, list === null ? [value] : (list[1] ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '')]
}
