import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../primitives/bytes.ts'
import { errorCode } from '../primitives/error.ts'
import { noMetrics, silentLogger } from '../primitives/ports.ts'
import { CompleteBlobs } from '../vault/complete-blobs.ts'
import { createVaultMetrics } from '../vault/metrics.ts'
import type { VerifyJournal } from './verify-report.ts'

/** Re-hashes every chunk of every complete blob; reads only. Uploads in progress are no one's promise yet and are left out. */
export async function checkVault(dataDir: string, journal: VerifyJournal, signal: AbortSignal | undefined): Promise<{ readonly blobs: number; readonly bytes: number }> {
  const root = join(dataDir, 'vault', 'blobs')
  const store = new CompleteBlobs(root, { logger: silentLogger, metrics: createVaultMetrics(noMetrics) })
  const total = await fileCount(root)
  let blobs = 0
  let bytes = 0
  for await (const blob of store.list()) {
    signal?.throwIfAborted()
    blobs++
    try {
      const size = Number((await store.fileBytes(blob)) ?? 0n)
      bytes += size
      for (const chunk of await store.verify(blob, signal)) {
        journal.find({ part: 'vault', code: 'VAULT_DAMAGED', rule: chunk < 0 ? 'the blob\'s chunk hashes give its id' : 'the chunk has its hash', file: join(root, toHex(blob).slice(0, 2), toHex(blob)), details: { blob: toHex(blob), chunk } })
      }
    } catch (error) {
      if (errorCode(error) !== 'VAULT_NOT_FOUND') throw error // Deleted by a running node since it was listed.
    }
    journal.progress('vault', blobs, Math.max(blobs, total))
  }
  for (const stray of await strays(root)) journal.find({ part: 'vault', code: 'VAULT_DAMAGED', rule: 'every file is named by a blob\'s id and lies in its folder', file: stray })
  return { blobs, bytes }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

async function fileCount(root: string): Promise<number> {
  const counts = await Promise.all((await namesIn(root)).map(async (bucket) => (await namesIn(join(root, bucket))).length))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function strays(root: string): Promise<string[]> {
  const found: string[] = []
  for (const bucket of await namesIn(root)) {
    for (const name of await namesIn(join(root, bucket))) if (!/^[0-9a-f]{64}$/.test(name) || !name.startsWith(bucket)) found.push(join(root, bucket, name))
  }
  return found
}
