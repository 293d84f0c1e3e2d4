import { readFile } from 'node:fs/promises'
import { errorCode } from '../primitives/error.ts'

/** Bytes of a file, or of standard input for `-`. More than `bytesMax`: undefined with the reason, as for a file that cannot be read. */
export async function readInput(path: string, bytesMax: number): Promise<{ readonly bytes: Uint8Array } | { readonly rule: string; readonly cause?: unknown }> {
  try {
    const bytes = path === '-' ? await readStandardInput(bytesMax) : new Uint8Array(await readFile(path))
    if (bytes.length === 0) return { rule: 'must not be empty' }
    return bytes.length > bytesMax ? { rule: `must have at most ${bytesMax} bytes` } : { bytes }
  } catch (cause) {
    const code = errorCode(cause)
    if (code === undefined) throw cause
    return { rule: code === 'ENOENT' ? 'must exist' : `must be readable (${code})`, cause }
  }
}

async function readStandardInput(bytesMax: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    parts.push(part)
    if ((length += part.length) > bytesMax) break
  }
  return new Uint8Array(Buffer.concat(parts))
}
