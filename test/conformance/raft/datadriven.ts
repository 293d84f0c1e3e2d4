import { readFileSync } from 'node:fs'

/** `key`, `key=value` (one value) or `key=(a,b)`. */
export interface Argument { readonly key: string; readonly values: readonly string[] }

/** One command of a cockroachdb/datadriven file and what it must print. */
export interface Directive {
  /** `file:line` of the command, for messages. */
  readonly place: string
  readonly line: number
  readonly command: string
  readonly args: readonly Argument[]
  /** Lines between the command and `----`. */
  readonly input: string
  readonly expected: string
}

/** A file or a command that cannot be run; the message begins with `file:line`. */
export class ConformanceFileError extends Error {
  constructor(place: string, reason: string) {
    super(`${place}: ${reason}`)
    this.name = 'ConformanceFileError'
  }
}

/**
 * Reads a datadriven file: comments (#), a command line, optional input, `----`, then output up to an empty line; output that itself has
 * empty lines stands between two doubled `----`. Lines `subtest NAME` … `subtest end` group commands and change nothing. Throws `ConformanceFileError`.
 */
export function parseDatadriven(path: string): Directive[] {
  const lines = readFileSync(path, 'utf8').replaceAll('\r\n', '\n').split('\n')
  const directives: Directive[] = []
  const subtests: string[] = []
  for (let at = 0; at < lines.length;) {
    const text = (lines[at] ?? '').trim()
    if (text === '' || text.startsWith('#')) { at++; continue }
    const start = at++
    const place = `${path}:${start + 1}`
    let command = text
    while (command.endsWith('\\')) command = `${command.slice(0, -1)} ${(lines[at++] ?? '').trim()}`
    if (/^subtest(\s|$)/.test(command)) { enterSubtest(subtests, command, place); continue }
    const input: string[] = []
    while (lines[at] !== undefined && lines[at] !== '----') input.push(lines[at++] ?? '')
    if (lines[at] === undefined) throw new ConformanceFileError(place, `no line "----" follows the command "${shorten(command)}"`)
    const { expected, next } = readExpected(lines, at + 1, place)
    at = next
    const [name = '', ...args] = splitArguments(command)
    if (!/^[a-z_][^\s=()]*$/i.test(name)) throw new ConformanceFileError(place, `"${shorten(name)}" is no name of a command`)
    directives.push({ place, line: start + 1, command: name, args: args.map((arg) => parseArgument(arg, place)), input: input.join('\n').trim(), expected })
  }
  if (subtests.length > 0) throw new ConformanceFileError(path, `the subtest ${shorten(subtests.at(-1) ?? '')} does not end`)
  return directives
}

/** Takes `subtest NAME`, or `subtest end` whose own name, where given, must be that of the innermost. */
function enterSubtest(open: string[], command: string, place: string): void {
  const [, name, ended, ...rest] = command.split(/\s+/)
  const isSound = rest.length === 0 && (name === 'end' ? open.length > 0 && (ended ?? open.at(-1)) === open.at(-1) : name !== undefined && ended === undefined)
  if (!isSound) throw new ConformanceFileError(place, `"${shorten(command)}" begins or ends no subtest`)
  if (name === 'end') open.pop()
  else if (name !== undefined) open.push(name)
}

function readExpected(lines: readonly string[], from: number, place: string): { expected: string; next: number } {
  const expected: string[] = []
  let at = from
  if (lines[at] !== '----') {
    while (at < lines.length && lines[at]?.trim() !== '') expected.push(lines[at++] ?? '')
    return { expected: expected.join('\n'), next: at }
  }
  at++
  while (at < lines.length && !(lines[at] === '----' && lines[at + 1] === '----')) expected.push(lines[at++] ?? '')
  if (at >= lines.length) throw new ConformanceFileError(place, 'the output fenced by two doubled "----" does not end')
  return { expected: expected.join('\n'), next: at + 2 }
}

function splitArguments(line: string): string[] {
  return line.match(/[^\s=]+=\([^)]*\)?|\S+/g) ?? []
}

function parseArgument(text: string, place: string): Argument {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (key === undefined || value === undefined) return { key: text, values: [] }
  if (!value.startsWith('(')) return { key, values: [value] }
  if (!value.endsWith(')')) throw new ConformanceFileError(place, `the list of ${key} is not closed`)
  return { key, values: value.slice(1, -1).split(/[\s,]+/).filter((each) => each !== '') }
}

/** Values of every argument named `key`; undefined when there is none. */
export function valuesOf({ args }: Directive, key: string): readonly string[] | undefined {
  const found = args.filter((arg) => arg.key === key)
  return found.length === 0 ? undefined : found.flatMap(({ values }) => values)
}

/** An unsigned integer, or an error that names the place. */
export function numberOf(directive: Directive, text: string | undefined, what: string): number {
  if (text === undefined) throw new ConformanceFileError(directive.place, `${directive.command}: ${what} is missing`)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw new ConformanceFileError(directive.place, `${directive.command}: ${what} "${shorten(text)}" is no unsigned integer`)
  return Number(text)
}

/** A truth value in any of Go's spellings. */
export function booleanOf(directive: Directive, text: string, what: string): boolean {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false
  throw new ConformanceFileError(directive.place, `${directive.command}: ${what} is true or false, not "${shorten(text)}"`)
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** A command that etcd's harness answers with an error, which it prints. */
export class CommandError extends Error {}
