import { createReadStream } from 'node:fs'
import { errorCode } from '../primitives/error.ts'

/** Bytes of a file, or of standard input for `-`; no more than `bytesMax` and one piece are read, whatever its size. When they are more, or cannot be read: the rule that was broken. */
export async function readInput(path: string, bytesMax: number): Promise<{ readonly bytes: Uint8Array } | { readonly rule: string; readonly cause?: unknown }> {
  try {
    const bytes = await readUpTo(path === '-' ? process.stdin : createReadStream(path), bytesMax)
    if (bytes.length === 0) return { rule: 'must not be empty' }
    return bytes.length > bytesMax ? { rule: `must have at most ${bytesMax} bytes` } : { bytes }
  } catch (cause) {
    const code = errorCode(cause)
    if (code === undefined) throw cause
    return { rule: code === 'ENOENT' ? 'must exist' : `must be readable (${code})`, cause }
  }
}

async function readUpTo(source: AsyncIterable<Buffer>, bytesMax: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of source) {
    parts.push(part)
    if ((length += part.length) > bytesMax) break
  }
  return new Uint8Array(Buffer.concat(parts))
}
