// Goal: a simulator that finds nothing proves nothing. Method: all bugs of `bugs.ts` are planted into the modules of a thread as they are loaded; each is switched on in turn, and must be found.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { BUGS, applyEdit } from './bugs.ts'
import { runRanges } from './swarm-run.ts'

/** Seeds tried from the known one on, in case a change of the code has moved the schedule. */
const SEEDS_MAX = 60
/** Short runs find them all. */
const TICKS = 80
const ROOT = new URL('../../', import.meta.url)

// Many whole runs; the bound only ends a hang.
t.setTimeout(300_000)

t.test('at least fifteen bugs that others really had can be planted, and all of them fit the code of today together', async (t) => {
  t.ok(BUGS.length >= 15, `${BUGS.length} bugs`)
  const texts = new Map<string, string>()
  for (const { name, edits } of BUGS) {
    for (const edit of edits) {
      const text = texts.get(edit.file) ?? await readFile(new URL(edit.file, ROOT), 'utf8')
      texts.set(edit.file, applyEdit(text, name, edit))
    }
  }
})

t.test('every planted bug is found, and nothing is found when none is switched on', { timeout: 300_000 }, async (t) => {
  const range = { seeds: SEEDS_MAX, untilMs: Number.MAX_SAFE_INTEGER, ticks: TICKS, stopAtFirst: true }
  const sums = await runRanges([...BUGS.map(({ name, seed, profile }) => ({ ...range, from: seed, profiles: [profile], bug: name })), { ...range, from: 1, seeds: 2, profiles: ['swarm'], bug: undefined }])
  BUGS.forEach(({ name, item, profile, seed }, i) => {
    const { seeds, events, violations: [found] } = sums[i]!
    t.ok(found, `${name} (${item}): found in ${seeds} seeds of ${profile}, ${events} events, from seed ${seed} on: ${found?.violation?.claim}`)
  })
  t.strictSame(sums.at(-1)!.violations, [])
})
