import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** After this long in service the modules are loaded, and what their loading needed is garbage. */
const DELAY_MS = 3_000

/** Sets the process up for a long life once it has started: its memory and when its code is optimised. */
export function settleAfterStart(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void
  setFlagsFromString('--no-expose-gc')
  setTimeout(() => {
    // The last-resort flavour also gives back the pages that V8 keeps in reserve. Together with the launcher's bound on the young generation it keeps an idle node under 150 MiB.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    // V8 waits for 400 and 3,000 calls. A node of a quiet hospital runs each function but once a transaction (docs/performance.md). Not from the beginning: what only starting needs is not worth optimising.
    setFlagsFromString('--invocation-count-for-maglev=120')
    setFlagsFromString('--invocation-count-for-turbofan=800')
  }, DELAY_MS).unref()
}
