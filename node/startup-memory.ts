import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** After this long in service the modules are loaded, and what their loading needed is garbage. */
const DELAY_MS = 3_000

/**
 * Ends the frugal mode in which the launcher starts Node (`--optimize-for-size`: the heap grows in small steps while the libraries load, which
 * saves an idle node about 50 MiB for good), so that the node runs at full speed; then collects the garbage of start-up once.
 */
export function endFrugalStart(): void {
  setFlagsFromString('--no-optimize-for-size')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  setTimeout(collect, DELAY_MS).unref()
}
