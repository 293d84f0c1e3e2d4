import { clientError } from './errors.ts'

/** Where ciphertext waits between encryption and upload, so that an interrupted upload goes on where it stopped. A command line keeps it in a file. */
export interface CipherSpool {
  put(section: number, index: number, chunk: Uint8Array): Promise<void>
  get(section: number, index: number): Promise<Uint8Array>
}

/** Largest record that waits in memory, in bytes of ciphertext; larger ones need a spool of their own. */
export const MEMORY_SPOOL_BYTES_MAX: number = 256 * 1024 * 1024

/** A spool in memory. Throws `CLIENT_RECORD_INVALID` when it is full. */
export function memorySpool(bytesMax: number = MEMORY_SPOOL_BYTES_MAX): CipherSpool {
  const chunks = new Map<string, Uint8Array>()
  let held = 0
  return {
    put: (section, index, chunk) => {
      held += chunk.length
      if (held > bytesMax) throw clientError('CLIENT_RECORD_INVALID', { details: { field: 'sections', rule: 'too large for memory; pass a spool on disk', bytesMax } })
      chunks.set(`${section}/${index}`, chunk)
      return Promise.resolve()
    },
    get: (section, index) => {
      const chunk = chunks.get(`${section}/${index}`)
      if (chunk === undefined) throw clientError('CLIENT_RECORD_INVALID', { details: { field: 'spool', rule: 'does not hold this record', section, index } })
      return Promise.resolve(chunk)
    },
  }
}
