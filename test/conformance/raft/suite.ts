import { relative, resolve, sep } from 'node:path'
import type { CoreObserver } from '../../../consensus/core/observer.ts'
import { filesBelow } from '../files-below.ts'
import { ConfigurationEnvironment } from './confchange.ts'
import { ConformanceFileError, parseDatadriven } from './datadriven.ts'
import type { Directive } from './datadriven.ts'
import { InteractionRunner } from './interaction.ts'
import { runQuorum } from './quorum.ts'

export type Family = 'quorum' | 'confchange' | 'interaction'

export interface Difference { readonly place: string; readonly command: string; readonly expected: string; readonly actual: string }

/** Outcome of one file. `commands` were run, `passed` of them printed what they should. */
export interface FileResult {
  readonly file: string
  readonly family: Family
  readonly commands: number
  readonly passed: number
  /** The first command that printed something else. */
  readonly difference: Difference | undefined
  /** Why the file could not be run to its end. */
  readonly error: string | undefined
}

export function hasPassed({ difference, error }: FileResult): boolean {
  return difference === undefined && error === undefined
}

/** The `.txt` files below `folder` with their family, by path; those of no family are left out. `folder` may also be such a file. */
export function findFiles(folder: string): readonly { readonly path: string; readonly family: Family }[] {
  const given = resolve(folder)
  return filesBelow(folder, (name) => name.endsWith('.txt')).flatMap((path) => {
    const family = path === folder ? familyOf([], given) : familyOf(relative(folder, path).split(sep), given)
    return family === undefined ? [] : [{ path, family }]
  })
}

/** By the folder's name; in a checkout of etcd-io/raft the interaction files stand in `testdata/`. A folder of one family may also be given itself. */
function familyOf(parts: readonly string[], folder: string): Family | undefined {
  const folders = [...folder.split(sep), ...parts.slice(0, -1)]
  const named = folders.findLast((part) => part === 'quorum' || part === 'confchange' || part === 'interaction' || part === 'testdata')
  if (named === 'testdata') return folders.includes('quorum') ? 'quorum' : folders.includes('confchange') ? 'confchange' : 'interaction'
  return named as Family | undefined
}

/** Runs every command of a file, and goes on after a difference: the count tells how much of the file is right. `observer` sees the cores of an interaction file. */
export function runFile(path: string, family: Family, strict: boolean, observer?: CoreObserver): FileResult {
  let [commands, passed] = [0, 0]
  let difference: Difference | undefined
  try {
    const directives = parseDatadriven(path)
    if (directives.length === 0) throw new ConformanceFileError(path, 'the file has no command')
    const run = runnerOf(family, directives, observer)
    for (const directive of directives) {
      commands++
      const actual = comparable(inContext(run, directive), strict)
      const expected = comparable(directive.expected, strict)
      if (actual === expected) passed++
      else difference ??= { place: directive.place, command: directive.command, expected, actual }
    }
    return { file: path, family, commands, passed, difference, error: undefined }
  } catch (error) {
    return { file: path, family, commands, passed, difference, error: error instanceof Error ? error.message : String(error) }
  }
}

function runnerOf(family: Family, directives: readonly Directive[], observer: CoreObserver | undefined): (directive: Directive) => string {
  if (family === 'quorum') {
    const first = directives.some((directive) => comparable(inContext(runQuorum, directive), true) !== comparable(directive.expected, true) && comparable(runQuorum(directive, 'first'), true) === comparable(directive.expected, true))
    return (directive) => runQuorum(directive, first ? 'first' : 'alike')
  }
  const runner = family === 'confchange' ? new ConfigurationEnvironment() : new InteractionRunner(observer)
  return (directive) => runner.run(directive)
}

/** What breaks inside a command is told with the command's place. */
function inContext(run: (directive: Directive) => string, directive: Directive): string {
  try {
    return run(directive)
  } catch (error) {
    if (error instanceof ConformanceFileError) throw error
    throw new ConformanceFileError(directive.place, `${directive.command}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The text that is compared: unless strict, without log lines; a command that printed nothing else prints `ok`. */
function comparable(text: string, strict: boolean): string {
  const lines = text.trimEnd().split('\n').map((line) => line.trimEnd())
  const kept = strict ? lines : lines.filter((line) => !/^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line))
  return kept.length === 0 ? 'ok' : kept.join('\n')
}
