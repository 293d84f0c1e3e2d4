/** One thing that a file of the corpus expects of us, and what came out. `not-ours`: a model or search that this build does not have, with the reason. */
export interface Outcome { readonly id: string; readonly verdict: 'pass' | 'fail' | 'not-ours'; readonly detail: string }

export const pass = (id: string, detail = ''): Outcome => ({ id, verdict: 'pass', detail })
export const fail = (id: string, detail: string): Outcome => ({ id, verdict: 'fail', detail })
export const notOurs = (id: string, reason: string): Outcome => ({ id, verdict: 'not-ours', detail: reason })

/** All named pairs are equal as text, or the first that is not says why. */
export function compareAll(id: string, pairs: readonly (readonly [name: string, expected: unknown, actual: unknown])[], note = ''): Outcome {
  const wrong = pairs.filter(([, expected, actual]) => String(expected) !== String(actual))
  return wrong.length === 0 ? pass(id, note) : fail(id, wrong.map(([name, expected, actual]) => `${name}: expected ${String(expected)}, got ${String(actual)}`).join('; '))
}
