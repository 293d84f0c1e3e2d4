import { SteleError } from '../primitives/error.ts'
import { PASSPHRASE_VARIABLE, readPassphrase } from './passphrase.ts'

/** A passphrase for new keys: from a file, STELE_PASSPHRASE, or asked twice on a terminal. Never from the command line. `PASSPHRASE_MISSING`, `PASSPHRASE_INVALID`, `PASSPHRASE_DIFFERS`. */
export async function readNewPassphrase(file: string | undefined): Promise<string> {
  const sources = { ...(file === undefined ? {} : { file }), environment: process.env, terminal: { input: process.stdin, output: process.stderr } }
  const passphrase = await readPassphrase(sources, 'New passphrase: ')
  if (file !== undefined || process.env[PASSPHRASE_VARIABLE] !== undefined) return passphrase
  if (passphrase !== await readPassphrase(sources, 'Once more: ')) throw new SteleError({ code: 'PASSPHRASE_DIFFERS', message: 'the passphrase was typed differently the second time; nothing was written' })
  return passphrase
}
