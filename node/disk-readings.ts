import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** How often the sizes are read again, in ms. */
const READ_MS = 10_000

/** Sizes on the disk of a data folder, for health and metrics: read now and then, never while somebody waits. In bytes. */
export class DiskReadings {
  readonly #dataDir: string
  #timer: NodeJS.Timeout | undefined
  #freeBytes = 0
  #databaseBytes = 0
  #ledgerBytes = 0

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  get freeBytes(): number { return this.#freeBytes }
  get databaseBytes(): number { return this.#databaseBytes }
  get ledgerBytes(): number { return this.#ledgerBytes }

  async readFree(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#dataDir)
    this.#freeBytes = bavail * bsize
  }

  async read(): Promise<void> {
    await this.readFree()
    this.#databaseBytes = await folderBytes(join(this.#dataDir, 'state'))
    this.#ledgerBytes = await folderBytes(join(this.#dataDir, 'ledger'))
  }

  start(): void {
    this.#timer ??= setInterval(() => { void this.read() }, READ_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** Bytes of the files in a folder; files that go meanwhile (LevelDB compacts) do not count. */
async function folderBytes(folder: string): Promise<number> {
  const sizes = await Promise.allSettled((await readdir(folder)).map((name) => stat(join(folder, name))))
  return sizes.reduce((sum, size) => sum + (size.status === 'fulfilled' ? size.value.size : 0), 0)
}
