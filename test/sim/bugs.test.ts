// Goal: a simulator that finds nothing proves nothing. Method: each bug of `bugs.ts` is planted into the modules of a thread as they are loaded, and the swarm must find it.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { BUGS, applyEdit } from './bugs.ts'
import { runSwarm } from './swarm-run.ts'

/** Seeds tried from the known one on, in case a change of the code has moved the schedule. */
const SEEDS_MAX = 40
/** Short runs find them all. */
const TICKS = 80
const ROOT = new URL('../../', import.meta.url)

// Many whole runs; the bound only ends a hang.
t.setTimeout(300_000)

const texts = new Map<string, string>()
for (const { edits } of BUGS) for (const { file } of edits) texts.set(file, await readFile(new URL(file, ROOT), 'utf8'))
function text(file: string): string { return texts.get(file)! }

t.test('at least fifteen bugs that others really had can be planted, and each fits the code of today', async (t) => {
  t.ok(BUGS.length >= 15, `${BUGS.length} bugs`)
  for (const { name, edits } of BUGS) {
    for (const edit of edits) t.doesNotThrow(() => applyEdit(text(edit.file), edit), name)
  }
})

t.test('the swarm finds the planted bugs', { timeout: 300_000 }, async (t) => {
  const findable = BUGS.flatMap(({ seed, ...bug }) => (seed === undefined ? [] : [{ seed, ...bug }]))
  t.ok(findable.length >= 15, `${findable.length} of ${BUGS.length}`)
  for (const { name, seed, item } of findable) {
    const totals = await runSwarm(1, { from: seed, seeds: SEEDS_MAX, untilMs: Number.MAX_SAFE_INTEGER, ticks: TICKS, profile: 'swarm', bug: name, stopAtFirst: true })
    const found = totals.violations[0]
    t.ok(found, `${name} (${item}): found in ${totals.seeds} seeds, ${totals.events} events, from seed ${seed} on: ${found?.violation?.claim}`)
  }
})
