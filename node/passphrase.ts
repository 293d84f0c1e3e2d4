import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { ReadStream, WriteStream } from 'node:tty'
import { errorCode, SteleError } from '../primitives/error.ts'
import type { KeystoreErrorCode } from './keystore-errors.ts'

/** The environment variable that may hold the passphrase. A file is better: the environment shows in process listings of the same user. */
export const PASSPHRASE_VARIABLE = 'STELE_PASSPHRASE'
const PASSPHRASE_BYTES_MAX = 1_024

/** Where a passphrase may come from, tried in this order. Never from the command line, which everyone on the machine can read. */
export interface PassphraseSources {
  /** Its content without one line break at the end. */
  readonly file?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Asked without echo when both are terminals. */
  readonly terminal?: { readonly input: ReadStream | NodeJS.ReadableStream & { readonly isTTY?: boolean }; readonly output: WriteStream | NodeJS.WritableStream & { readonly isTTY?: boolean } }
}

const fail = (code: KeystoreErrorCode, message: string, cause?: unknown, details: Readonly<Record<string, unknown>> = {}): SteleError => new SteleError({ code, message, details, cause })

/** The passphrase from the first source that has one. `PASSPHRASE_MISSING`, `PASSPHRASE_INVALID`. Used byte for byte as UTF-8, no normalisation. */
export async function readPassphrase(sources: PassphraseSources, question = 'Passphrase: '): Promise<string> {
  if (sources.file !== undefined) {
    const { file } = sources
    const text = await readFile(file, 'utf8').catch((cause: unknown) => { throw fail('PASSPHRASE_MISSING', 'the passphrase file cannot be read', cause, { path: file, reason: errorCode(cause) }) })
    return checked(text.replace(/\r?\n$/, ''))
  }
  const variable = sources.environment?.[PASSPHRASE_VARIABLE]
  if (variable !== undefined) return checked(variable)
  const { terminal } = sources
  if (terminal?.input.isTTY === true && terminal.output.isTTY === true) return checked(await ask(terminal, question))
  throw fail('PASSPHRASE_MISSING', 'no passphrase was given')
}

function checked(passphrase: string): string {
  if (passphrase === '' || Buffer.byteLength(passphrase) > PASSPHRASE_BYTES_MAX || passphrase.includes('\ufffd') || passphrase.includes('\0')) {
    throw fail('PASSPHRASE_INVALID', 'this cannot be a passphrase')
  }
  return passphrase
}

async function ask({ input, output }: NonNullable<PassphraseSources['terminal']>, question: string): Promise<string> {
  output.write(question)
  // Readline in terminal mode turns the echo off itself; it gets no output, so it prints nothing of its own either.
  const lines = createInterface({ input, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('SIGINT', () => reject(fail('PASSPHRASE_MISSING', 'the question was interrupted')))
      lines.once('close', () => reject(fail('PASSPHRASE_MISSING', 'the input ended before a passphrase')))
    })
  } finally {
    lines.close()
    output.write('\n')
  }
}
