/** What must not outlive the benchmark: processes and folders. Released in reverse order, at the end and on a signal alike. */
export class Cleanup {
  #releases: (() => Promise<void> | void)[] = []

  add(release: () => Promise<void> | void): void {
    this.#releases.push(release)
  }

  /** Releases everything; a failure of one does not keep the rest, and is thrown at the end. */
  async run(): Promise<void> {
    const failures: unknown[] = []
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'the benchmark could not clean up')
  }

  /** Runs on SIGINT and SIGTERM too, and then ends the process with the signal's exit code. */
  onSignals(): void {
    for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
      process.once(signal, () => { void this.run().finally(() => process.exit(code)) })
    }
  }
}
