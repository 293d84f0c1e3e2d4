import { createWriteStream } from 'node:fs'
import { access, link, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { errorCode, SteleError } from '../../primitives/error.ts'

/** A file that appears whole or not at all, and never in the place of another. */
export interface NewFile {
  write(text: string | Uint8Array): Promise<void>
  /** Gives the file its name. Throws `OUTPUT_EXISTS` when somebody else took it meanwhile. */
  finish(): Promise<void>
  /** Leaves nothing behind. Harmless after `finish`. */
  discard(): Promise<void>
}

/** Refuses early when the path is taken: before minutes of work, not after. Throws `OUTPUT_EXISTS`. */
export async function refuseTaken(...paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) {
    if (path === undefined || path === '-') continue
    const taken = await access(path).then(() => true, () => false)
    if (taken) throw new SteleError({ code: 'OUTPUT_EXISTS', message: 'nothing is overwritten; choose another path, or move the file away', details: { path: resolve(path) } })
  }
}

/** Opens a file beside its later place. `-` is standard output. Only the owner may read it. Throws `TABLE_UNREADABLE`. */
export async function openNewFile(path: string): Promise<NewFile> {
  if (path === '-') return { write: (text) => drained(process.stdout, text), finish: async () => undefined, discard: async () => undefined }
  const draft = `${resolve(path)}.${process.pid}.draft`
  const stream = createWriteStream(draft, { flags: 'wx', mode: 0o600 })
  const unwritable = (cause: unknown): SteleError => new SteleError({ code: 'TABLE_UNREADABLE', message: 'the file cannot be written', details: { path: resolve(path), reason: errorCode(cause) }, cause })
  await once(stream, 'open').catch((cause: unknown) => { throw unwritable(cause) })
  let failure: unknown
  stream.on('error', (error) => { failure = error })
  let done = false
  return {
    write: async (text) => {
      if (failure !== undefined) throw unwritable(failure)
      await drained(stream, text)
    },
    finish: async () => {
      await new Promise<void>((settle, fail) => { stream.end((error?: Error | null) => { if (error) fail(unwritable(error)); else settle() }) })
      if (failure !== undefined) throw unwritable(failure)
      // A link fails where a rename would silently replace.
      await link(draft, resolve(path)).catch(async (cause: unknown) => {
        throw errorCode(cause) === 'EEXIST' ? new SteleError({ code: 'OUTPUT_EXISTS', message: 'nothing is overwritten; choose another path, or move the file away', details: { path: resolve(path) } }) : unwritable(cause)
      })
      await rm(draft)
      done = true
    },
    discard: async () => {
      if (done) return
      stream.destroy()
      await rm(draft, { force: true })
    },
  }
}

async function drained(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  if (!stream.write(text)) await once(stream, 'drain')
}
