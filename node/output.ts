import { styleText } from 'node:util'
import { toHex } from '../primitives/bytes.ts'
import { SteleError } from '../primitives/error.ts'

/** Exit codes of the command line: scripts rely on them. */
export const EXIT = { ok: 0, failure: 1, usage: 2, notReady: 3, verificationFailed: 4 } as const

/** Data goes to stdout, messages to stderr, so that output can be piped. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** One line of JSON: bytes as lower-case hex, big integers as decimal strings. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner instanceof Uint8Array ? toHex(inner) : inner)))
}

/** Left-aligned columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

export const good = (text: string): string => paint('green', text)
export const bad = (text: string): string => paint('red', text)
export const dim = (text: string): string => paint('dim', text)

function paint(style: 'green' | 'red' | 'dim', text: string): string {
  return process.env['NO_COLOR'] === undefined && process.stdout.isTTY ? styleText(style, text) : text
}

/** One clear line: what went wrong, with the values that explain it. Never a stack, unless the fault is a bug. */
export function explain(error: unknown): string {
  if (error instanceof SteleError) {
    const details = Object.entries(error.details).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join(' ')
    return `${error.code}: ${error.message}${details === '' ? '' : ` (${details})`}${error.code === 'INVARIANT_BROKEN' ? `\n${error.stack ?? ''}` : ''}`
  }
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException
    return code === undefined ? error.stack ?? error.message : error.message.startsWith(code) ? error.message : `${code}: ${error.message}`
  }
  return String(error)
}
